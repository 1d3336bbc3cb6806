"""Files that are stored without what they repeat are read as if they were whole."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifiers import ModelError, find_model, shipped_models
from classifiers.file_parts import Copy, make_whole, read_file, write_parts
from classifiers.model_spec import WEIGHTS_FOLDER, ModelFile

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from share_weights import REPEATING, arrays_of, share


@pytest.fixture
def numbers() -> np.ndarray:
    return np.random.default_rng(5).standard_normal((7, 5, 3), np.float32)


def _repeating(folder: Path, numbers: np.ndarray) -> tuple[Path, bytes]:
    """Store a file that repeats numbers in another order, but for one of them, between text and at an odd place."""
    turned = np.ascontiguousarray(numbers.transpose(2, 0, 1))
    turned[1, 2, 3] = 17
    content = b"odd" + turned.tobytes() + b"end"
    (folder / "source.bin").write_bytes(b"before" + numbers.tobytes())
    copy = Copy("source.bin", 6, numbers.shape, (2, 0, 1), 4, 3)
    write_parts(folder / "file.bin", content, [copy])
    return folder / "file.bin", content


def test_parts_give_the_file_to_the_last_byte(tmp_path, numbers):
    path, content = _repeating(tmp_path, numbers)
    assert not path.exists()
    assert read_file(path) == content


def test_little_is_stored_of_what_is_repeated(tmp_path):
    numbers = np.random.default_rng(6).standard_normal((300, 100), np.float32)
    (tmp_path / "source.bin").write_bytes(numbers.tobytes())
    copy = Copy("source.bin", 0, numbers.shape, (0, 1), 4, 0)
    parts = write_parts(tmp_path / "file.bin", numbers.tobytes() + b"rest", [copy])
    assert parts.name == "file.bin.parts"
    assert parts.stat().st_size < 0.02 * numbers.nbytes
    assert read_file(tmp_path / "file.bin") == numbers.tobytes() + b"rest"


def test_a_whole_file_counts(tmp_path, numbers):
    path, _ = _repeating(tmp_path, numbers)
    path.write_bytes(b"another")
    assert read_file(path) == b"another"


def test_a_file_is_made_whole_again(tmp_path, numbers):
    path, content = _repeating(tmp_path, numbers)
    make_whole(path)
    (tmp_path / "source.bin").unlink()
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["file.bin"]


def _model_of(path: Path, content: bytes):
    file = ModelFile(path.name, hashlib.sha256(content).hexdigest())
    return replace(find_model(), name="mine", folder=path.parent, files={"keras": file})


def test_a_model_may_have_such_files(tmp_path, numbers):
    assert _model_of(*(made := _repeating(tmp_path, numbers))).read("keras") == made[1]


def test_a_changed_source_is_told(tmp_path, numbers):
    model = _model_of(*_repeating(tmp_path, numbers))
    source = tmp_path / "source.bin"
    source.write_bytes(source.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=r"file\.bin is not the file that model 'mine' was released with"):
        model.read("keras")
    source.write_bytes(source.read_bytes()[:-50])
    with pytest.raises(ModelError, match=r"file\.bin is not the file that model 'mine' was released with"):
        model.read("keras")


def test_a_missing_source_is_named(tmp_path, numbers):
    model = _model_of(*_repeating(tmp_path, numbers))
    (tmp_path / "source.bin").unlink()
    with pytest.raises(ModelError, match=r"cannot read .*source\.bin of model 'mine': No such file"):
        model.read("keras")


@pytest.mark.parametrize("content", [b"", b"?", b"PK\x03\x04 no archive", "half"])
def test_damaged_parts_are_told(tmp_path, numbers, content):
    model = _model_of(*_repeating(tmp_path, numbers))
    parts = tmp_path / "file.bin.parts"
    parts.write_bytes(parts.read_bytes()[:200] if content == "half" else content)
    with pytest.raises(ModelError, match=r"file\.bin is not the file that model 'mine' was released with"):
        model.read("keras")


@pytest.mark.parametrize("name", ["../source.bin", "/etc/hostname", "..\\source.bin"])
def test_parts_name_files_beside_them_only(tmp_path, numbers, name):
    path, _ = _repeating(tmp_path, numbers)
    with np.load(f"{path}.parts") as arrays:
        changed = dict(arrays)
    text = bytes(changed["copies"]).replace(b"source.bin", name.replace("\\", "\\\\").encode())
    with Path(f"{path}.parts").open("wb") as file:
        np.savez(file, **changed | {"copies": np.frombuffer(text, np.uint8)})
    with pytest.raises(ValueError, match="beside them only"):
        read_file(path)


def test_shipped_models_repeat_little():
    """What an int8 graph leaves in float32 is all: files that others are made of lie there whole."""
    files = {file.file for model in shipped_models().values() for file in model.files.values()}
    whole = {name for name in files if (WEIGHTS_FOLDER / name).exists()}
    assert files - whole == set(REPEATING)
    assert {source for sources in REPEATING.values() for source in sources} <= whole
    seen, repeated = set(), 0
    for name in sorted(whole):
        if name.endswith((".bin", ".npz")):
            content = (WEIGHTS_FOLDER / name).read_bytes()
            for array in arrays_of(WEIGHTS_FOLDER / name, content):
                values = np.sort(array.of(content), axis=None).tobytes()
                repeated += len(values) if values in seen else 0
                seen.add(values)
    assert repeated < 1_000_000


def test_sharing_finds_what_a_file_repeats(tmp_path):
    for name in ("mobilenet_v2.bin", "mobilenet_v2.xml"):
        (tmp_path / name).write_bytes((WEIGHTS_FOLDER / name).read_bytes())
    content = find_model("mobilenet_v2").read("keras")
    (tmp_path / "mobilenet_v2.keras").write_bytes(content)
    parts = share(tmp_path, "mobilenet_v2.keras", ["mobilenet_v2.bin"])
    assert parts.stat().st_size < 0.01 * len(content)
    assert not (tmp_path / "mobilenet_v2.keras").exists()
    assert read_file(tmp_path / "mobilenet_v2.keras") == content
