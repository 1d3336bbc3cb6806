"""Damaged files are the same for the same number, and different from what they were."""

from __future__ import annotations

import zlib
from random import Random

import pytest
from fuzzing.mutations import MOST_BYTES, MUTATORS, mutant, mutated
from fuzzing.parts import find_parts, with_checksums
from fuzzing.seeds import Seed, make_seeds
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import SamplingPlan, open_frames, probe

STARTS = (b"", b"RIFF", b"\0\0\0\x20ftyp", b"\x1aE\xdf\xa3", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"G")
FILES = st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=600))


def test_seeds_are_valid_small_and_the_same_each_time(seeds, tmp_path):
    assert len(seeds) >= 10
    assert make_seeds()[0] == seeds
    for seed in seeds:
        assert len(seed.data) < 100_000
        path = tmp_path / f"seed.{seed.ending}"
        path.write_bytes(seed.data)
        with open_frames(probe(path), SamplingPlan.every_frame()) as reader:
            assert len(list(reader)) == frame_count(seed)
        assert reader.warnings == []


def frame_count(seed: Seed) -> int:
    if seed.kind in ("PNG", "JPEG", "TIFF", "WebP", "AVIF"):
        return 1
    return 4 if seed.kind.startswith("animated") else 9


def test_parts_of_a_seed_are_found(seeds):
    by_kind = {seed.kind: seed.data for seed in seeds}
    expected = {
        "MP4 H.264": [b"stsz", b"stco", b"avcC", b"mdat"],
        "MP4 in fragments": [b"moof", b"trun", b"tfdt"],
        "MKV": [b"\xae", b"\xe0", b"\x1f\x43\xb6\x75"],
        "AVI": [b"strh", b"idx1"],
        "animated PNG": [b"acTL", b"fcTL", b"IDAT"],
        "JPEG": [b"\xff\xe1", b"\xff\xda"],
        "animated WebP": [b"ANMF"],
    }
    for kind, names in expected.items():
        if kind in by_kind:
            starts = [by_kind[kind][part.start : part.start + 8] for part in find_parts(by_kind[kind])]
            for name in names:
                assert any(start.startswith(name) or start[4:] == name for start in starts), (kind, name)


@given(FILES)
def test_parts_lie_in_the_file(data):
    for part in find_parts(data):
        assert 0 <= part.start < part.end <= len(data)
        assert part.start <= part.size_place <= len(data) or not part.size_bytes


@given(FILES, FILES, st.integers(0, 1 << 32), st.sampled_from(list(MUTATORS)))
def test_each_mutator_takes_any_bytes_and_follows_from_its_arguments(data, donor, seed, name):
    changed = MUTATORS[name](data, donor, Random(seed))
    assert isinstance(changed, bytes)
    assert changed == MUTATORS[name](data, donor, Random(seed))


@given(FILES, st.lists(FILES, min_size=1, max_size=3), st.integers(0, 1 << 32))
def test_steps_follow_from_their_arguments_and_stay_small(data, donors, seed):
    changed, steps = mutated(data, donors, Random(seed))
    assert (changed, steps) == mutated(data, donors, Random(seed))
    assert len(changed) <= MOST_BYTES
    assert set(steps) <= set(MUTATORS)


def test_a_mutant_follows_from_its_seed_and_number(seeds):
    made = [mutant(seeds, 7, number) for number in range(200)]
    assert [mutant(seeds, 7, number) for number in reversed(range(200))] == made[::-1]
    assert all(
        other.data != same.data for other, same in zip(made, (mutant(seeds, 8, n) for n in range(200)), strict=True)
    )
    assert {each.kind for each in made} == {seed.kind for seed in seeds}


def test_hardly_a_mutant_is_what_it_was(seeds):
    whole = {seed.data for seed in seeds}
    assert sum(mutant(seeds, 1, number).data in whole for number in range(1000)) < 5


@pytest.mark.parametrize("name", MUTATORS)
def test_each_mutator_changes_most_files(seeds, name):
    donors = [seed.data for seed in seeds]
    random = Random(1)
    changed = [MUTATORS[name](seed.data, random.choice(donors), random) != seed.data for seed in seeds * 20]
    assert sum(changed) > 0.7 * len(changed)


def test_checksums_of_a_png_are_made_right(seeds):
    picture = next(seed.data for seed in seeds if seed.kind == "PNG")
    place = picture.index(b"IHDR") + 4
    damaged = picture[:place] + b"\0\0\1\0" + picture[place + 4 :]
    mended = with_checksums(damaged)
    assert mended[place : place + 13] == damaged[place : place + 13]
    assert mended[place + 13 : place + 17] == zlib.crc32(b"IHDR" + damaged[place : place + 13]).to_bytes(4, "big")
    assert with_checksums(picture) == picture
