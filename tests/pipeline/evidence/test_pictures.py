"""From a stored result back to the frames, faces and heat maps that it speaks of."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from classifiers import find_model
from extractors import Face
from extractors.align import CropGeometry, align_face
from pipeline.evidence.heat_map_files import write_heat_maps
from pipeline.evidence.pictures import PicturesError, cut_face, find_input, model_of, read_frames, reopen
from pipeline.evidence.report import (
    make_pictures,
    render_report,
)
from pipeline.media import probe
from pipeline.media.sampling import MAX_COUNT, SamplingPlan
from pipeline.results.parts import Observation
from pipeline.results.verdict import Verdict
from tests.evidence import face, verdict
from tests.media_files import number_frames, read_number, write_video
from tests.stored_results import at_times, seen_in, stored, text_of


def faces_of(verdict: Verdict) -> list[Observation]:
    return [seen for person in verdict.people for seen in person.track.observations]


class TestPictures:
    def test_the_frames_of_the_observations_are_read_and_no_others(self, clip):
        verdict = Verdict.from_json(seen_in(clip))
        read = list(read_frames(reopen(verdict, clip), faces_of(verdict)))
        assert [read_number(image) for image, _ in read] == [0, 10, 20]
        assert [seen for _, (seen,) in read] == verdict.tracks[0].track.observations

    def test_two_faces_in_one_frame_come_together(self, clip):
        verdict = Verdict.from_json(seen_in(clip, tracks=2))
        read = list(read_frames(reopen(verdict, clip), faces_of(verdict)))
        one, other = (item.track.observations for item in verdict.people)
        assert [seen for _, seen in read] == [list(pair) for pair in zip(one, other, strict=True)]

    def test_more_faces_than_one_plan_takes_are_read_in_parts(self, tmp_path):
        path = write_video(tmp_path / "long.mp4", number_frames(MAX_COUNT + 10), fps=10)
        times = [number / 10 for number in range(MAX_COUNT + 10)]
        verdict = Verdict.from_json(at_times(seen_in(path), times))
        read = [read_number(image) for image, _ in read_frames(reopen(verdict, path), faces_of(verdict))]
        assert read == list(range(MAX_COUNT + 10))

    def test_a_time_that_no_frame_has_gives_no_picture_rather_than_another(self, clip):
        document = seen_in(clip)
        document["tracks"][0]["observations"][1]["time_s"] = 1.04
        verdict = Verdict.from_json(document)
        read = list(read_frames(reopen(verdict, clip), faces_of(verdict)))
        assert [read_number(image) for image, _ in read] == [0, 20]

    def test_far_apart_frames_of_a_long_clip_are_the_right_ones(self, media_dir):
        path = write_video(media_dir / "slow.mp4", number_frames(120), fps=2, options=["-g", 4])
        document = seen_in(path)
        for observation, time_s in zip(document["tracks"][0]["observations"], (3.5, 31.0, 58.5), strict=True):
            observation["time_s"] = time_s
        verdict = Verdict.from_json(document)
        read = list(read_frames(reopen(verdict, path), faces_of(verdict)))
        assert [read_number(image) for image, _ in read] == [7, 62, 117]

    def test_a_face_is_cut_as_the_classifier_saw_it(self, clip):
        document = seen_in(clip)
        verdict = Verdict.from_json(document)
        ((image, (seen,)), *_) = read_frames(reopen(verdict, clip), faces_of(verdict))
        expected = align_face(
            image, np.float32(document["tracks"][0]["observations"][0]["landmarks"]), CropGeometry(64)
        )
        assert np.array_equal(cut_face(image, seen, CropGeometry(64)), expected)

    def test_landmarks_in_one_point_cut_no_face(self, clip):
        flat = Observation(0, 0.0, Face(np.float32([0, 0, 9, 9]), np.full((5, 2), 5, np.float32), 0.9), 1.0)
        assert cut_face(np.zeros((20, 20, 3), np.uint8), flat, CropGeometry(16)) is None

    def test_a_file_with_other_bytes_is_refused(self, clip, tmp_path):
        verdict = Verdict.from_json(seen_in(clip))
        changed = tmp_path / clip.name
        changed.write_bytes(clip.read_bytes() + b"\0")
        with pytest.raises(PicturesError, match="SHA-256") as caught:
            reopen(verdict, changed)
        assert caught.value.reason == "changed"
        changed.write_bytes(b"no video any more")
        with pytest.raises(PicturesError) as caught:
            reopen(verdict, changed)
        assert caught.value.reason == "changed"

    def test_a_file_that_is_gone_is_missed(self, tmp_path):
        with pytest.raises(PicturesError, match="no longer there") as caught:
            find_input(verdict("gone/clip.mp4"), tmp_path)
        assert caught.value.reason == "missing"

    @pytest.mark.parametrize("name", ["\0.mp4", "a" * 5000, "\ud800.mp4", ""])
    def test_a_name_that_no_file_can_have_is_missed(self, name, tmp_path):
        document = stored()
        document["input"]["path"] = name
        with pytest.raises(PicturesError):
            find_input(Verdict.from_json(document), tmp_path)

    def test_a_moved_file_is_found_beside_its_result_and_where_the_user_says(self, clip, tmp_path):
        moved = verdict("elsewhere/moved.mp4", media=probe(clip))
        beside, other = tmp_path / "results", tmp_path / "media"
        for folder in (beside, other):
            folder.mkdir()
        (beside / "moved.mp4").write_bytes(clip.read_bytes())
        assert find_input(moved, beside) == beside / "moved.mp4"
        (other / "moved.mp4").write_bytes(clip.read_bytes())
        assert find_input(moved, None, other) == other / "moved.mp4"
        assert find_input(moved, None, other / "moved.mp4") == other / "moved.mp4"

    def test_a_file_of_a_folder_that_was_moved_is_found_below_it(self, clip, tmp_path):
        moved = tmp_path / "moved" / "sub" / "x.mp4"
        moved.parent.mkdir(parents=True)
        moved.write_bytes(clip.read_bytes())
        for path in ("archive/sub/x.mp4", "/disk/archive/sub/x.mp4", "../archive/sub/x.mp4"):
            assert find_input(verdict(path, media=probe(clip)), None, tmp_path / "moved") == moved
        with pytest.raises(PicturesError, match=r"moved.y\.mp4' is no longer there"):
            find_input(verdict("archive/y.mp4"), None, tmp_path / "moved")

    def test_of_two_files_of_that_name_the_scanned_one_is_taken(self, clip, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        scanned = verdict("clip.mp4", media=probe(clip))
        (tmp_path / "clip.mp4").write_bytes(b"another one")
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "clip.mp4").write_bytes(clip.read_bytes())
        assert find_input(scanned, tmp_path / "results") == tmp_path / "results" / "clip.mp4"

    @pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="names must be UTF-8 here")
    def test_a_name_that_is_no_utf8_is_found_again(self, clip, tmp_path):
        path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
        path.write_bytes(clip.read_bytes())
        scanned = verdict(path, media=probe(path))
        assert find_input(scanned) == path
        assert "caf\\xe9.mp4" in text_of(render_report(scanned, None))

    @pytest.mark.skipif(os.name != "posix", reason="such names are not to be had there")
    def test_a_name_that_is_shown_otherwise_than_it_is_is_found_again(self, clip, tmp_path):
        path = tmp_path / "line\nbreak\u202e.mp4"
        path.write_bytes(clip.read_bytes())
        assert find_input(Verdict.from_json(stored(path=path, media=probe(path)))) == path

    def test_a_model_is_known_by_its_weights(self):
        document = stored()
        document["model"]["name"] = "mobilenet_v2"
        assert model_of(Verdict.from_json(document)) is None
        spec = find_model("mobilenet_v2")
        document["model"]["weights_sha256"] = spec.files["openvino_weights"].sha256
        assert model_of(Verdict.from_json(document)) == spec
        del document["model"]
        assert model_of(Verdict.from_json(document)) is None

    def test_heat_maps_are_written_as_png_files(self, clip, tmp_path):
        verdict, spec = Verdict.from_json(seen_in(clip, tracks=2)), find_model()
        files = write_heat_maps(verdict, clip, spec, tmp_path / "heat")
        assert len(files) == len(set(files)) == 2 * 2 * 3
        assert {file.name.split("_")[-1] for file in files} == {"face.png", "manipulated.png"}
        for file in files:
            assert cv2.imread(str(file)).shape == (spec.crop_size, spec.crop_size, 3)

    def test_heat_maps_of_an_earlier_result_are_removed(self, clip, tmp_path):
        verdict, spec = Verdict.from_json(seen_in(clip)), find_model()
        (tmp_path / "person-9_0.000s_0.50_face.png").write_bytes(b"old")
        (tmp_path / "mine.png").write_bytes(b"mine")
        files = write_heat_maps(verdict, clip, spec, tmp_path)
        assert set(tmp_path.iterdir()) == {*files, tmp_path / "mine.png"}

    def test_heat_maps_stand_beside_their_faces(self, clip):
        verdict = Verdict.from_json(seen_in(clip))
        made = make_pictures(verdict.people, reopen(verdict, clip), find_model())
        assert all(close_up.heat and close_up.heat != close_up.crop for close_up in made.close_ups.values())
        without = make_pictures(verdict.people, reopen(verdict, clip), None)
        assert "not installed here" in text_of(render_report(verdict, without))

    def test_an_image_has_its_pictures(self, tmp_path):
        path = tmp_path / "portrait.png"
        cv2.imwrite(str(path), data.astronaut()[..., ::-1])
        document = stored(path=str(path), media=probe(path), logits=(((3.0, -1.0),),))
        document["tracks"][0]["observations"][0].update(frame=0, box=[170, 60, 110, 140])
        verdict = Verdict.from_json(document)
        made = make_pictures(verdict.people, reopen(verdict, path), None)
        assert len(made.moments) == len(made.crops) == len(made.close_ups) == 1
        page = render_report(verdict, made)
        assert "In the picture" in page
        assert 'type="range"' not in page

    def test_without_a_face_the_searched_frames_are_shown(self, clip):
        nobody = verdict(clip, media=probe(clip), status="no_face")
        made = make_pictures([], reopen(nobody, clip), None)
        assert len(made.searched) == 8
        assert render_report(nobody, made).count("data:image/jpeg") == 8

    def test_an_hour_long_result_of_sixty_people_stays_small(self, tmp_path):
        path = write_video(tmp_path / "crowd.mp4", [data.astronaut()] * 40, fps=10)
        document = stored(path=str(path), media=probe(path), logits=(((3.0, -1.0),) * 40,) * 60)
        for track in document["tracks"]:
            for number, observation in enumerate(track["observations"]):
                observation.update(time_s=number / 10, frame=number, landmarks=face(150, 40, 150).landmarks.tolist())
        verdict = Verdict.from_json(document)
        page = render_report(verdict, make_pictures(verdict.people, reopen(verdict, path), None))
        assert len(page.encode()) < 3_000_000
        assert page.count('class="lane ') == 60


class TestSampling:
    @given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.data())
    def test_times_of_frames_choose_these_frames(self, gaps_ms, drawn):
        times_s = np.cumsum(gaps_ms) / 1000
        wanted = sorted(drawn.draw(st.sets(st.integers(0, len(gaps_ms) - 1), min_size=1)))
        plan = SamplingPlan.at_times(times_s[wanted].round(4))
        assert plan.choose(times_s, times_s[-1] + 0.1).tolist() == wanted

    def test_times_beyond_the_video_choose_its_ends(self):
        chosen = SamplingPlan.at_times([-5.0, 0.0, 99.0]).choose(np.arange(10.0), 10.0)
        assert chosen.tolist() == [0, 9]

    @pytest.mark.parametrize("times_s", [[], [0.0] * (MAX_COUNT + 1)])
    def test_no_time_or_too_many_are_refused(self, times_s):
        with pytest.raises(ValueError, match="chosen frames"):
            SamplingPlan.at_times(times_s)
