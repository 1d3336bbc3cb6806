"""Pages of results: what stands in them, and what they must withstand."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evidence.charts import lane, ticks
from pipeline.evidence.report import (
    render_report,
)
from pipeline.evidence.report.gallery import MAX_MOMENTS, galleries, moments
from pipeline.evidence.spelling import clock
from pipeline.results.parts import FAILURES
from pipeline.results.verdict import NotAResultError, Verdict, parse_verdict
from tests.evidence import verdict
from tests.stored_results import at_times, seen_in, stored, text_of

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


def page_of(document: dict, **options: object) -> str:
    return render_report(Verdict.from_json(document), None, **options)


def places(part: dict | list) -> list[tuple[dict | list, object]]:
    """Every holder and key of a document."""
    found = []
    for key in part if isinstance(part, dict) else range(len(part)):
        found.append((part, key))
        if isinstance(part[key], dict | list):
            found += places(part[key])
    return found


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
        document = at_times(stored(), [float(t) for t in range(5000)], [0.1] * 1234 + [1.0] + [0.1] * 3765)
        chosen = moments(Verdict.from_json(document).people)
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
        document = stored(warnings=["a warning"])
        document["schema"] = "facewitness/verdict/0"
        del document["sampling"], document["thresholds"]
        document["tracks"].append({"id": 2, "faces": []})
        verdict = Verdict.from_json(document)
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
        document = stored(logits=(FAKE, REAL))
        document["tracks"][0]["observations"][0].update(broken)
        verdict = Verdict.from_json(document)
        assert [person.track.id for person in verdict.people] == [2]
        assert verdict.unreadable == ("tracks",)

    def test_of_two_tracks_with_one_id_the_first_is_read(self):
        document = stored(logits=(FAKE, REAL))
        document["tracks"][1]["id"] = 1
        verdict = Verdict.from_json(document)
        assert [person.scores.fake for person in verdict.people] == [document["tracks"][0]["score"]]
        assert verdict.unreadable == ("tracks",)

    @pytest.mark.parametrize("document", [None, [], 3, "x", {}, {"schema": "other/1"}, {"schema": None}])
    def test_what_is_no_result_is_refused(self, document):
        with pytest.raises(NotAResultError):
            Verdict.from_json(document)

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, *NO_NUMBERS])
    def test_what_is_no_json_is_refused(self, text):
        with pytest.raises(NotAResultError):
            parse_verdict(text)

    @pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e400", b"1e300", b"1" + 400 * b"0"])
    @pytest.mark.parametrize(
        ("before", "part"),
        [(b'"time_s": 3.0', "tracks"), (b'"duration_s": 20.0', None), (b'"total": 1.25', "timing_s")],
    )
    def test_what_no_number_is_is_left_out(self, number, before, part):
        document = stored()
        document["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 20.0}
        text = json.dumps(document).encode()
        assert before in text
        name, _, _ = before.partition(b" ")
        verdict = parse_verdict(text.replace(before, name + b" " + number))
        assert verdict.unreadable == ((part,) if part else ())
        assert verdict.probe.duration_s == (20.0 if part else None)
        assert render_report(verdict, None).rstrip().endswith("</html>")

    def test_characters_that_turn_or_hide_text_become_visible(self):
        document = stored(path="a\u202efdp.exe\u0007\n.mp4", warnings=["\u0645\u0631\u062d\u0628\u0627"])
        shown = text_of(page_of(document))
        assert "a\\u202efdp.exe\\x07\\n.mp4" in shown
        assert "\u0645\u0631\u062d\u0628\u0627" in shown

    @given(st.data())
    def test_a_damaged_result_gives_a_page_or_is_refused(self, drawn):
        document = stored(logits=(FAKE[:4], REAL[:3]))
        document["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 20.0, "frames": 500}
        for _ in range(drawn.draw(st.integers(1, 3))):
            holder, key = drawn.draw(st.sampled_from(places(document)))
            holder[key] = drawn.draw(JUNK)
        try:
            verdict = parse_verdict(json.dumps(document).encode())
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
        document = stored(logits=(logits,))
        shown = text_of(page_of(document))
        assert heading in shown[:250]
        assert f"{document['score']:.2f} of 1" in shown
        assert "0.30 – 0.70" in shown

    def test_who_and_when_can_be_told_from_the_page(self):
        logits = (((-3.0, -3.0),) * 40, ((-3.0, -3.0),) * 16 + ((4.0, -2.0),) * 16 + ((-3.0, -3.0),) * 8)
        document = stored(logits=logits)
        document["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 40.0}
        for observation in document["tracks"][1]["observations"]:
            observation["box"][0] = 500.0
        shown = text_of(page_of(document))
        (segment,) = document["segments"]
        assert "Person 2, on the right, shows strong signs" in shown
        assert f"{clock(segment['start_s'])} to {clock(segment['end_s'])}" in shown

    def test_the_record_holds_every_fact(self, clip):
        document = seen_in(clip)
        shown = text_of(page_of(document))
        for value in (
            document["input"]["sha256"],
            document["model"]["weights_sha256"],
            document["model"]["calibrated_on"],
            document["thresholds"]["operating_point"],
            document["tool"]["version"],
            document["input"]["probe"]["decoder"],
            document["sampling"]["plan"],
        ):
            assert str(value) in shown

    def test_warnings_and_lacking_pictures_are_told(self):
        shown = text_of(page_of(stored(warnings=["the file is cut off"]), why_no_pictures="The file was moved."))
        assert "The file is cut off" in shown
        assert "This page has no pictures: The file was moved." in shown

    def test_nothing_in_a_result_becomes_markup(self):
        document = stored(path=f"{ATTACK}.mp4", warnings=[ATTACK])
        document["model"].update(name=ATTACK, calibrated_on=ATTACK, calibration_id=ATTACK)
        document["thresholds"]["operating_point"] = ATTACK
        document["sampling"]["plan"] = ATTACK
        document["input"]["probe"] = {"kind": ATTACK, "codec": ATTACK, "width": ATTACK, "frames": ATTACK}
        document["timing_s"][ATTACK] = 1.0
        page = page_of(document, why_no_pictures=ATTACK)
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
        document = at_times(stored(logits=(REAL, FAKE)), [float(t) for t in range(10_800)])
        page = page_of(document)
        assert len(page) < 600_000
        assert "2:59:59" in page

    def test_the_strongest_moment_is_shown_first_among_moments_of_one_clock(self):
        document = at_times(stored(), [0.0, 0.01, 0.02, 5.0], [0.1, 0.2, 0.9, 0.3])
        document["input"]["probe"] = {"kind": "video", "width": 640, "height": 360, "duration_s": 6.0}
        page = page_of(document)
        assert re.search(r'id="moment" min="0" max="3" step="1" value="2"', page)

    def test_one_frame_has_a_page(self):
        document = stored()
        del document["tracks"][0]["observations"][1:]
        document["tracks"][0]["end_s"] = 0.0
        document["segments"][0].update(start_s=0.0, end_s=0.0)
        assert "Likely fake" in page_of(document)

    def test_more_people_than_lines_are_counted(self):
        page = page_of(stored(logits=(((-2.0, -2.0),) * 3,) * 75))
        assert page.count('class="lane ') == 60
        assert "15 more people" in page

    def test_a_page_forbids_the_network_and_foreign_scripts(self):
        page = page_of(stored())
        assert "default-src 'none'" in page
        assert "script-src 'sha256-" in page
        assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def test_a_verdict_can_be_shown_without_going_through_a_file():
    assert "Likely fake" in render_report(verdict(), None)
