"""Pages of results: what stands in them, and what they must withstand."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from classifiers import find_model
from extractors import Face
from extractors.align import CropGeometry, align_face
from pipeline.cli.report import add_parser
from pipeline.evidence.charts import lane, ticks
from pipeline.evidence.heat_map_files import write_heat_maps
from pipeline.evidence.pictures import PicturesError, cut_face, find_input, model_of, read_frames, reopen
from pipeline.evidence.report import (
    make_pages,
    make_pictures,
    render_report,
    report_folder,
    stored_results,
    write_index,
)
from pipeline.evidence.report.gallery import MAX_MOMENTS, galleries, moments
from pipeline.evidence.spelling import clock
from pipeline.media import probe
from pipeline.media.sampling import MAX_COUNT, SamplingPlan
from pipeline.results.parts import FAILURES, Observation
from pipeline.results.verdict import NotAResultError, Verdict, parse_verdict
from tests.evidence import face, verdict
from tests.media_files import number_frames, read_number, write_video

FAKE, REAL = ((2.0, -1.0),) * 20, ((-3.0, -3.0),) * 20
STATUSES = ("ok", "no_face", "insufficient_evidence", *FAILURES)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.builds(list),
    st.builds(dict),
)
NO_NUMBERS = [b'{"schema": %s}' % number for number in (b"NaN", b"-Infinity", b"1e400", b"1" + 400 * b"0")]
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'</title>"


def stored(**changes: object) -> dict:
    """A result as it comes back from its file."""
    return json.loads(json.dumps(verdict(**changes).to_json()))


def page_of(result: dict, **options: object) -> str:
    return render_report(Verdict.from_json(result), None, **options)


def at_times(result: dict, times_s: Sequence[float], scores: Sequence[float] | None = None) -> dict:
    """The result with its first person seen at other times, in as many observations."""
    track = result["tracks"][0]
    first = track["observations"][0]
    track["observations"] = [
        {**first, "time_s": time_s, "frame": None, "score": scores[number] if scores else 0.5}
        for number, time_s in enumerate(times_s)
    ]
    track["start_s"], track["end_s"] = times_s[0], times_s[-1]
    return result


def places(part: dict | list) -> list[tuple[dict | list, object]]:
    """Every holder and key of a document."""
    found = []
    for key in part if isinstance(part, dict) else range(len(part)):
        found.append((part, key))
        if isinstance(part[key], dict | list):
            found += places(part[key])
    return found


def text_of(page: str) -> str:
    """What a viewer reads, without the style and scripts."""
    body = re.sub(r"<(style|script)[^>]*>.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def seen_in(clip: Path, tracks: int = 1) -> dict:
    """A result of the numbered clip, with a face in the frames of seconds 0, 1 and 2."""
    info = probe(clip)
    result = stored(path=str(clip), media=info, logits=(((3.0, -1.0),) * 3,) * tracks)
    for track in result["tracks"]:
        for second, observation in enumerate(track["observations"]):
            observation["frame"] = 10 * second
            observation["box"] = [20.0, 10.0, 40.0, 40.0]
            observation["landmarks"] = face(20, 10, 40).landmarks.tolist()
    return result


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
        result = seen_in(clip)
        result["tracks"][0]["observations"][1]["time_s"] = 1.04
        verdict = Verdict.from_json(result)
        read = list(read_frames(reopen(verdict, clip), faces_of(verdict)))
        assert [read_number(image) for image, _ in read] == [0, 20]

    def test_far_apart_frames_of_a_long_clip_are_the_right_ones(self, media_dir):
        path = write_video(media_dir / "slow.mp4", number_frames(120), fps=2, options=["-g", 4])
        result = seen_in(path)
        for observation, time_s in zip(result["tracks"][0]["observations"], (3.5, 31.0, 58.5), strict=True):
            observation["time_s"] = time_s
        verdict = Verdict.from_json(result)
        read = list(read_frames(reopen(verdict, path), faces_of(verdict)))
        assert [read_number(image) for image, _ in read] == [7, 62, 117]

    def test_a_face_is_cut_as_the_classifier_saw_it(self, clip):
        result = seen_in(clip)
        verdict = Verdict.from_json(result)
        ((image, (seen,)), *_) = read_frames(reopen(verdict, clip), faces_of(verdict))
        expected = align_face(image, np.float32(result["tracks"][0]["observations"][0]["landmarks"]), CropGeometry(64))
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
        result = stored()
        result["input"]["path"] = name
        with pytest.raises(PicturesError):
            find_input(Verdict.from_json(result), tmp_path)

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
        result = verdict("clip.mp4", media=probe(clip))
        (tmp_path / "clip.mp4").write_bytes(b"another one")
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "clip.mp4").write_bytes(clip.read_bytes())
        assert find_input(result, tmp_path / "results") == tmp_path / "results" / "clip.mp4"

    @pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="names must be UTF-8 here")
    def test_a_name_that_is_no_utf8_is_found_again(self, clip, tmp_path):
        path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
        path.write_bytes(clip.read_bytes())
        result = verdict(path, media=probe(path))
        assert find_input(result) == path
        assert "caf\\xe9.mp4" in text_of(render_report(result, None))

    @pytest.mark.skipif(os.name != "posix", reason="such names are not to be had there")
    def test_a_name_that_is_shown_otherwise_than_it_is_is_found_again(self, clip, tmp_path):
        path = tmp_path / "line\nbreak\u202e.mp4"
        path.write_bytes(clip.read_bytes())
        assert find_input(Verdict.from_json(stored(path=path, media=probe(path)))) == path

    def test_a_model_is_known_by_its_weights(self):
        result = stored()
        result["model"]["name"] = "mobilenet_v2"
        assert model_of(Verdict.from_json(result)) is None
        spec = find_model("mobilenet_v2")
        result["model"]["weights_sha256"] = spec.files["openvino_weights"].sha256
        assert model_of(Verdict.from_json(result)) == spec
        del result["model"]
        assert model_of(Verdict.from_json(result)) is None

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
        result = stored(path=str(path), media=probe(path), logits=(((3.0, -1.0),),))
        result["tracks"][0]["observations"][0].update(frame=0, box=[170, 60, 110, 140])
        verdict = Verdict.from_json(result)
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
        result = stored(path=str(path), media=probe(path), logits=(((3.0, -1.0),) * 40,) * 60)
        for track in result["tracks"]:
            for number, observation in enumerate(track["observations"]):
                observation.update(time_s=number / 10, frame=number, landmarks=face(150, 40, 150).landmarks.tolist())
        verdict = Verdict.from_json(result)
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


class TestChoice:
    def test_the_most_suspicious_get_most_and_every_strip_is_in_order(self):
        persons = verdict(logits=(REAL, FAKE) * 30).people
        chosen = galleries(persons)
        assert persons[0].scores.fake > persons[-1].scores.fake
        assert len(chosen[0].close_ups) == 3
        assert not chosen[-1].close_ups
        assert all(len(gallery.strip) >= 1 for gallery in chosen)
        for gallery in chosen:
            times = [s.time_s for s in gallery.strip]
            assert times == sorted(times)

    def test_moments_are_few_and_hold_the_strongest(self):
        result = at_times(stored(), [float(t) for t in range(5000)], [0.1] * 1234 + [1.0] + [0.1] * 3765)
        chosen = moments(Verdict.from_json(result).people)
        assert len(chosen) <= MAX_MOMENTS
        assert {0.0, 1234.0, 4999.0} <= set(chosen)


class TestCharts:
    def person(self, times: list[float], scores: list[float] | None = None):
        return Verdict.from_json(at_times(stored(), times, scores)).people[0]

    def test_where_the_face_is_not_seen_the_line_breaks(self):
        drawn = lane(self.person([0, 1, 2, 3, 7, 8, 9]), [], duration_s=10.0, step_s=1.0)
        assert drawn.line.count("M") == 2
        assert drawn.gaps == [(300.0, 400.0)]

    def test_before_and_after_a_face_are_gaps(self):
        drawn = lane(self.person([4, 5, 6]), [], duration_s=10.0, step_s=1.0)
        assert drawn.gaps == [(0.0, 400.0), (600.0, 400.0)]

    def test_a_long_line_is_thinned_out_but_keeps_its_peaks(self):
        scores = [0.1] * 20_000
        scores[12_345] = 0.99
        drawn = lane(self.person([t / 10 for t in range(20_000)], scores), [], duration_s=2000.0, step_s=0.1)
        assert drawn.dots.count("M") <= 410
        assert f",{94 - 88 * 0.99:.1f}h0" in drawn.dots

    @given(st.floats(0.01, 200_000))
    def test_an_axis_has_a_few_ticks_within_the_time(self, duration_s):
        chosen = ticks(duration_s)
        assert 1 <= len(chosen) <= 10
        assert chosen[0] == 0
        assert chosen[-1] <= duration_s * 1.001

    def test_times_are_written_as_players_do(self):
        assert [clock(t) for t in (0, 4.92, 59.96, 61, 3600, 10_921.4)] == [
            "0:00.0",
            "0:04.9",
            "1:00.0",
            "1:01.0",
            "1:00:00",
            "3:02:01",
        ]


class TestReading:
    def test_a_result_of_this_version_is_read_whole(self):
        verdict = Verdict.from_json(stored(logits=(FAKE, REAL)))
        assert not verdict.unreadable
        assert not verdict.has_foreign_schema
        assert [person.track.id for person in verdict.people] == [1, 2]

    def test_a_result_of_another_version_gives_what_it_can(self):
        result = stored(warnings=["a warning"])
        result["schema"] = "facewitness/verdict/0"
        del result["sampling"], result["thresholds"]
        result["tracks"].append({"id": 2, "faces": []})
        verdict = Verdict.from_json(result)
        assert verdict.has_foreign_schema
        assert set(verdict.unreadable) == {"sampling", "thresholds", "tracks"}
        shown = text_of(render_report(verdict, None))
        assert "facewitness/verdict/0" in shown
        assert "A warning" in shown
        assert "No verdict" not in shown
        assert "Likely fake" not in shown.split("Person 1")[0]

    @pytest.mark.parametrize(
        "broken",
        [
            {"box": [1, 2, 3]},
            {"landmarks": [[1, 2]] * 4},
            {"score": 1.2},
            {"score": True},
            {"time_s": -1},
            {"quality": None},
            {"frame": "3"},
        ],
    )
    def test_a_track_with_a_broken_observation_is_left_out(self, broken):
        result = stored(logits=(FAKE, REAL))
        result["tracks"][0]["observations"][0].update(broken)
        verdict = Verdict.from_json(result)
        assert [person.track.id for person in verdict.people] == [2]
        assert verdict.unreadable == ("tracks",)

    def test_of_two_tracks_with_one_id_the_first_is_read(self):
        result = stored(logits=(FAKE, REAL))
        result["tracks"][1]["id"] = 1
        verdict = Verdict.from_json(result)
        assert [person.scores.fake for person in verdict.people] == [result["tracks"][0]["score"]]
        assert verdict.unreadable == ("tracks",)

    @pytest.mark.parametrize("document", [None, [], 3, "x", {}, {"schema": "other/1"}, {"schema": None}])
    def test_what_is_no_result_is_refused(self, document):
        with pytest.raises(NotAResultError):
            Verdict.from_json(document)

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, *NO_NUMBERS])
    def test_what_is_no_json_is_refused(self, text):
        with pytest.raises(NotAResultError):
            parse_verdict(text)

    def test_characters_that_turn_or_hide_text_become_visible(self):
        result = stored(path="a\u202efdp.exe\u0007\n.mp4", warnings=["\u0645\u0631\u062d\u0628\u0627"])
        shown = text_of(page_of(result))
        assert "a\\u202efdp.exe\\x07\\n.mp4" in shown
        assert "\u0645\u0631\u062d\u0628\u0627" in shown

    @given(st.data())
    def test_a_damaged_result_gives_a_page_or_is_refused(self, drawn):
        result = stored(logits=(FAKE[:4], REAL[:3]))
        result["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 20.0, "frames": 500}
        for _ in range(drawn.draw(st.integers(1, 3))):
            holder, key = drawn.draw(st.sampled_from(places(result)))
            holder[key] = drawn.draw(JUNK)
        try:
            verdict = parse_verdict(json.dumps(result).encode())
        except NotAResultError:
            return
        assert render_report(verdict, None).rstrip().endswith("</html>")


class TestPage:
    @pytest.mark.parametrize("status", STATUSES)
    def test_every_status_says_what_happened_or_what_it_means(self, status):
        shown = text_of(page_of(stored(status=status, message="the message of this scan")))
        if status == "ok":
            assert "What this means" in shown
            assert "What it does not mean" in shown
        else:
            assert "What happened" in shown
            assert "What can be done" in shown
            for word in ("Likely fake", "Likely real", "Inconclusive"):
                assert word not in shown.split("The faces")[0].split("When")[0]
            assert status == "no_face" or "the message of this scan" in shown

    @pytest.mark.parametrize(
        ("logits", "heading"),
        [(FAKE, "Likely fake"), (REAL, "Likely real"), (((0.0, -9.0),) * 20, "Inconclusive")],
    )
    def test_the_verdict_stands_at_the_top_with_its_score_and_limits(self, logits, heading):
        result = stored(logits=(logits,))
        shown = text_of(page_of(result))
        assert heading in shown[:250]
        assert f"{result['score']:.2f} of 1" in shown
        assert "0.30 – 0.70" in shown

    def test_who_and_when_can_be_told_from_the_page(self):
        logits = (((-3.0, -3.0),) * 40, ((-3.0, -3.0),) * 16 + ((4.0, -2.0),) * 16 + ((-3.0, -3.0),) * 8)
        result = stored(logits=logits)
        result["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 40.0}
        for observation in result["tracks"][1]["observations"]:
            observation["box"][0] = 500.0
        shown = text_of(page_of(result))
        (segment,) = result["segments"]
        assert "Person 2, on the right, shows strong signs" in shown
        assert f"{clock(segment['start_s'])} to {clock(segment['end_s'])}" in shown

    def test_the_record_holds_every_fact(self, clip):
        result = seen_in(clip)
        shown = text_of(page_of(result))
        for value in (
            result["input"]["sha256"],
            result["model"]["weights_sha256"],
            result["model"]["calibrated_on"],
            result["thresholds"]["operating_point"],
            result["tool"]["version"],
            result["input"]["probe"]["decoder"],
            result["sampling"]["plan"],
        ):
            assert str(value) in shown

    def test_warnings_and_lacking_pictures_are_told(self):
        shown = text_of(page_of(stored(warnings=["the file is cut off"]), why_no_pictures="The file was moved."))
        assert "The file is cut off" in shown
        assert "This page has no pictures: The file was moved." in shown

    def test_nothing_in_a_result_becomes_markup(self):
        result = stored(path=f"{ATTACK}.mp4", warnings=[ATTACK])
        result["model"].update(name=ATTACK, calibrated_on=ATTACK, calibration_id=ATTACK)
        result["thresholds"]["operating_point"] = ATTACK
        result["sampling"]["plan"] = ATTACK
        result["input"]["probe"] = {"kind": ATTACK, "codec": ATTACK, "width": ATTACK, "frames": ATTACK}
        result["timing_s"][ATTACK] = 1.0
        page = page_of(result, why_no_pictures=ATTACK)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert text_of(page).count("onerror=alert(2)") >= 8

    def test_ten_thousand_characters_are_folded_away_but_kept(self):
        long = "x" * 10_000
        page = page_of(stored(path=f"{long}.mp4", warnings=[long]))
        assert page.count("<details") >= 2
        assert long in page
        (heading,) = re.findall(r"<h1>(.*?)</h1>", page)
        assert len(heading) < 100
        assert len(re.findall(r"<title>(.*?)</title>", page)[0]) < 300

    def test_three_hours_with_a_face_every_second_stay_small(self):
        result = at_times(stored(logits=(REAL, FAKE)), [float(t) for t in range(10_800)])
        page = page_of(result)
        assert len(page) < 600_000
        assert "2:59:59" in page

    def test_the_strongest_moment_is_shown_first_among_moments_of_one_clock(self):
        result = at_times(stored(), [0.0, 0.01, 0.02, 5.0], [0.1, 0.2, 0.9, 0.3])
        result["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 6.0}
        page = page_of(result)
        assert re.search(r'id="moment" min="0" max="3" step="1" value="2"', page)

    def test_one_frame_has_a_page(self):
        result = stored()
        del result["tracks"][0]["observations"][1:]
        result["tracks"][0]["end_s"] = 0.0
        result["segments"][0].update(start_s=0.0, end_s=0.0)
        assert "Likely fake" in page_of(result)

    def test_more_people_than_lines_are_counted(self):
        page = page_of(stored(logits=(((-2.0, -2.0),) * 3,) * 75))
        assert page.count('class="lane ') == 60
        assert "15 more people" in page

    def test_a_page_forbids_the_network_and_foreign_scripts(self):
        page = page_of(stored())
        assert "default-src 'none'" in page
        assert "script-src 'sha256-" in page
        assert not re.search(r"(src|href)=\"(?!data:|#)", page)


class TestFolder:
    def put(self, folder: Path, name: str, result: dict | bytes) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(result if isinstance(result, bytes) else json.dumps(result).encode())
        return path

    def test_every_result_gets_a_page_and_a_link(self, tmp_path):
        self.put(tmp_path, "a.mp4.json", stored(path="a.mp4"))
        self.put(tmp_path, "sub #1/ä?.mp4.json", stored(path="sub #1/ä?.mp4", status="no_face"))
        pages, failed, index = report_folder(tmp_path)
        assert (pages, failed) == (2, 0)
        assert index == tmp_path / "index.html"
        links = re.findall(r'href="(\./[^"]+)"', index.read_text(encoding="utf-8"))
        from urllib.parse import unquote

        assert all((tmp_path / unquote(html.unescape(link))).is_file() for link in links)
        assert len(links) == 2

    def test_json_lines_get_pages_too_and_cannot_write_elsewhere(self, tmp_path):
        folder = tmp_path / "results"
        lines = [stored(path=path) for path in ("../../evil.mp4", "b/clip.mp4", "c/clip.mp4", "index")]
        self.put(folder, "results.jsonl", "\n".join(map(json.dumps, lines)).encode() + b'\n{"cut')
        pages, failed, index = report_folder(folder)
        assert (pages, failed) == (4, 0)
        assert {p.name for p in folder.glob("*.html")} == {
            "evil.mp4.html",
            "clip.mp4.html",
            "clip.mp4-2.html",
            "index-2.html",
            "index.html",
        }
        assert list(tmp_path.iterdir()) == [folder]
        assert "1 file in this folder is no readable result" in text_of(index.read_text(encoding="utf-8"))

    def test_a_result_called_index_does_not_lose_its_page(self, tmp_path):
        self.put(tmp_path, "index.json", stored(path="index"))
        report_folder(tmp_path)
        assert "Evidence report" in (tmp_path / "index.report.html").read_text(encoding="utf-8")

    def test_other_json_files_are_passed_over_and_broken_ones_named(self, tmp_path):
        self.put(tmp_path, "a.mp4.json", stored(path="a.mp4"))
        self.put(tmp_path, "package.json", b'{"name": "something else"}')
        self.put(tmp_path, "half.mp4.json", b'{"schema": "facewitness/verd')
        self.put(tmp_path, "evaluation.json", b'{"schema": "facewitness/evaluation/1"}')
        index = report_folder(tmp_path).index_file
        shown = text_of(index.read_text(encoding="utf-8"))
        assert "half.mp4.json" in shown
        assert "package.json" not in shown
        assert "evaluation.json" not in shown

    def test_a_page_that_fails_costs_no_other(self, tmp_path, capsys):
        for name in ("a", "b", "c"):
            self.put(tmp_path, f"{name}.json", stored(path=name))
        (tmp_path / "b.html").mkdir()
        pages, failed, index = report_folder(tmp_path)
        assert (pages, failed) == (2, 1)
        assert (tmp_path / "a.html").is_file() and (tmp_path / "c.html").is_file() and index.is_file()

    def test_an_error_of_ours_costs_one_page(self, tmp_path, monkeypatch, caplog):
        for name in ("a", "b"):
            self.put(tmp_path, f"{name}.json", stored(path=name))
        write = make_pages.write_report

        def fail(verdict, *rest, **options):
            if verdict.input.name == "a":
                raise ZeroDivisionError("a bug")
            write(verdict, *rest, **options)

        monkeypatch.setattr(make_pages, "write_report", fail)
        assert report_folder(tmp_path)[:2] == (1, 1)
        assert "ZeroDivisionError: a bug" in caplog.text

    def test_places_are_whole_names_of_folders(self, tmp_path):
        for number, path in enumerate(["clip.mp4", ".hidden/clip.mp4", "../up/clip.mp4"]):
            self.put(tmp_path, f"{number}.json", stored(path=path))
        shown = text_of(report_folder(tmp_path).index_file.read_text(encoding="utf-8"))
        assert " .hidden " in shown
        assert " ../up " in shown
        assert " . " not in shown

    def test_up_to_date_pages_are_kept_and_those_without_pictures_made_again(self, clip, tmp_path):
        result = seen_in(clip)
        no_heat = self.put(tmp_path, "c.json", result).with_suffix(".html")
        result["model"].update(name="mobilenet_v2", weights_sha256=find_model("mobilenet_v2").sha256)
        complete = self.put(tmp_path, "a.json", result).with_suffix(".html")
        without = self.put(tmp_path, "b.json", stored(path="gone.mp4")).with_suffix(".html")
        report_folder(tmp_path)
        for page in (complete, without, no_heat):
            os.utime(page, (1, 1))
        report_folder(tmp_path)
        assert complete.stat().st_mtime == 1
        assert without.stat().st_mtime > 1
        assert no_heat.stat().st_mtime > 1
        report_folder(tmp_path, keep=False)
        assert complete.stat().st_mtime > 1

    def test_the_index_escapes_names(self, tmp_path):
        self.put(tmp_path, "a.json", stored(path=f"{ATTACK}.mp4", status="error", message=ATTACK))
        index = report_folder(tmp_path).index_file
        assert "<script>alert" not in index.read_text(encoding="utf-8")

    def test_an_index_without_pages_has_no_dead_links(self, tmp_path):
        self.put(tmp_path, "a.mp4.json", stored(path="a.mp4"))
        assert 'href="./' not in write_index(tmp_path).read_text(encoding="utf-8")

    def test_an_empty_folder_has_no_results(self, tmp_path):
        assert list(stored_results(tmp_path)) == []
        assert report_folder(tmp_path) == (0, 0, None)


class TestCommand:
    def run(self, *arguments: object) -> int:
        import argparse

        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        options = parser.parse_args(["report", *map(str, arguments)])
        return options.run(options)

    @pytest.fixture
    def result(self, clip, tmp_path) -> Path:
        path = tmp_path / "clip.mp4.json"
        path.write_text(json.dumps(seen_in(clip)))
        return path

    def test_a_result_gets_its_page_beside_it(self, result, capsys):
        assert self.run(result) == 0
        page = result.with_suffix(".html")
        assert str(page) in capsys.readouterr().out
        assert page.read_text(encoding="utf-8").count("data:image/jpeg") > 5

    @pytest.mark.parametrize(("output", "page"), [("x.html", "x.html"), ("new/", "new/clip.mp4.html")])
    def test_the_page_goes_where_the_user_says(self, result, tmp_path, output, page):
        assert self.run(result, "-o", f"{tmp_path}/{output}") == 0
        assert (tmp_path / page).is_file()

    def test_the_page_does_not_replace_the_result(self, result, capsys):
        before = result.read_bytes()
        assert self.run(result, "-o", result) == 2
        assert "is the result itself" in capsys.readouterr().err
        assert result.read_bytes() == before

    def test_pages_that_fail_are_counted(self, result, capsys):
        result.with_suffix(".html").mkdir()
        assert self.run(result.parent) == 1
        assert "0 pages, 1 could not be made" in capsys.readouterr().out

    def test_a_moved_file_can_be_named(self, result, clip, tmp_path):
        changed = json.loads(result.read_text())
        changed["input"]["path"] = "gone/clip.mp4"
        result.write_text(json.dumps(changed))
        assert self.run(result) == 0
        assert "data:image/jpeg" not in result.with_suffix(".html").read_text(encoding="utf-8")
        assert "no longer there" in text_of(result.with_suffix(".html").read_text(encoding="utf-8"))
        assert self.run(result, "--media", clip) == 0
        assert "data:image/jpeg" in result.with_suffix(".html").read_text(encoding="utf-8")

    def test_a_changed_file_is_told_and_its_pictures_are_not_shown(self, result, tmp_path, clip):
        changed = tmp_path / "changed.mp4"
        changed.write_bytes(clip.read_bytes() + b"\0")
        assert self.run(result, "--media", changed) == 0
        page = result.with_suffix(".html").read_text(encoding="utf-8")
        assert "data:image/jpeg" not in page
        assert "is not the file that was scanned" in text_of(page)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\x89PNG"])
    def test_what_is_no_result_is_wrong_usage(self, tmp_path, content, capsys):
        path = tmp_path / "x.json"
        path.write_bytes(content)
        assert self.run(path) == 2
        message = capsys.readouterr().err
        assert message.startswith("facewitness report: ")
        assert "Traceback" not in message

    def test_what_is_not_there_is_wrong_usage(self, tmp_path, capsys):
        assert self.run(tmp_path / "nothing.json") == 2
        assert self.run(tmp_path) == 2
        assert capsys.readouterr().err.count("facewitness report: ") == 2

    def test_a_place_that_cannot_be_written_is_told(self, result, tmp_path, capsys):
        (tmp_path / "file").write_bytes(b"")
        assert self.run(result, "-o", tmp_path / "file" / "x.html") == 1
        assert "cannot write" in capsys.readouterr().err


def test_a_verdict_can_be_shown_without_going_through_a_file():
    assert "Likely fake" in render_report(verdict(), None)
