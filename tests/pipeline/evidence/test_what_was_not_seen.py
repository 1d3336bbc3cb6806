"""Pages, copies and notebooks tell no face from no picture and from pictures that could not be read."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.evidence.annotation.drawing import Annotation, Canvas
from pipeline.evidence.charts import doubtful, lane, searched
from pipeline.evidence.notebook_view import to_html
from pipeline.evidence.report import render_report, write_index
from pipeline.results.coverage import Coverage
from pipeline.results.parts import ProbeRecord, SamplingRecord
from pipeline.results.verdict import Verdict
from tests.evidence import verdict
from tests.stored_results import at_times, stored, text_of

KINDS = ("not_looked_at", "not_readable", "damaged")
HALF = Coverage(20.0, 0.4, 1.0, ((0.0, 8.0),), ((10.0, 14.0),), ((14.0, 16.0),))
WHOLE = Coverage(20.0, 1.0, 1.0)


def of_a_video(result: Verdict, **changes: object) -> Verdict:
    probe = ProbeRecord(kind="video", width=640, height=360, duration_s=20.0, frames=500)
    return replace(result, input=replace(result.input, probe=probe), **changes)


def real(coverage: Coverage | None) -> Verdict:
    return of_a_video(verdict(logits=[((-3.0, -3.0),) * 20], coverage=coverage))


def nobody(coverage: Coverage | None, status: str = "no_face") -> Verdict:
    return of_a_video(verdict(status=status, logits=[], coverage=coverage))


class TestCharts:
    def test_what_was_not_seen_is_no_gap_of_a_person(self):
        person = Verdict.from_json(at_times(stored(), [0.0, 1.0, 6.0, 7.0])).people[0]
        drawn = lane(person, [], 10.0, 1.0, ((1.2, 4.0), (7.4, 10.0)))
        assert drawn.gaps == [(400.0, 200.0)]

    def test_what_is_left_beside_a_damaged_frame_is_no_gap(self):
        person = Verdict.from_json(at_times(stored(), [0.0, 1.0, 3.0, 4.0])).people[0]
        assert lane(person, [], 4.0, 1.0, ((1.5, 2.5),)).gaps == []

    def test_places_on_the_timeline(self):
        assert [(part.kind, part.left, part.width) for part in doubtful(HALF, 20.0)] == [
            ("not_looked_at", 0.0, 40.0),
            ("not_readable", 50.0, 20.0),
            ("damaged", 70.0, 10.0),
        ]
        assert searched(20.0, HALF.unseen) == [(400.0, 100.0), (700.0, 300.0)]
        assert doubtful(None, 20.0) == []


class TestPage:
    def test_the_timeline_of_people_shows_each_kind_with_a_key_and_in_words(self):
        page = render_report(real(HALF), None)
        for kind in KINDS:
            assert f'<i class="{kind}" style="left:' in page
            assert f'<i class="{kind}" aria-hidden="true"></i>' in page
        text = text_of(page)
        assert "Not looked at, as there is no picture: 0:00.0 to 0:08.0." in text
        assert "Not readable: 0:10.0 to 0:14.0." in text
        assert "Seen in damaged pictures: 0:14.0 to 0:16.0." in text
        assert "Only 40% of the video was seen." in text
        assert "40% of 0:20.0" in text

    def test_a_timeline_of_nobody_is_drawn_where_something_was_not_seen(self):
        page = render_report(nobody(HALF), None)
        assert page.count('class="plot"') == 1
        assert '<rect class="gap" x="400.0" y="0" width="100.0"' in page
        text = text_of(page)
        assert "The faces" not in text
        assert "no face seen" in text
        assert "not readable" in text

    @pytest.mark.parametrize("coverage", [WHOLE, None], ids=["all seen", "an earlier result"])
    def test_where_all_was_seen_nothing_of_the_kind_is_shown(self, coverage):
        for result in (real(coverage), nobody(coverage)):
            page = render_report(result, None)
            assert not any(f'class="{kind}"' in page for kind in KINDS)
            assert "was seen." not in text_of(page)

    def test_too_little_seen_is_not_told_as_too_poor_faces(self):
        page = text_of(render_report(nobody(HALF, "insufficient_evidence"), None))
        assert "Only 40% of the video could be seen, too little for a verdict." in page
        assert "Faces were found" not in page
        assert "No face in 32 frames" in page

    def test_many_spans_are_counted(self):
        spans = tuple((float(second), second + 0.5) for second in range(20))
        text = text_of(render_report(real(Coverage(20.0, 0.5, 1.0, (), spans)), None))
        assert "0:04.0 to 0:04.5 and 15 more." in text

    def test_the_index_has_the_share_of_each_file(self, tmp_path):
        for name, coverage in (("half", HALF), ("whole", WHOLE), ("old", None)):
            document = verdict(f"{name}.mp4", coverage=coverage).to_json()
            (tmp_path / f"{name}.mp4.json").write_text(json.dumps(document))
        page = write_index(tmp_path).read_text(encoding="utf-8")
        rows = re.findall(r'<td data-key="([\d.]*)">(\d+%)?</td><td>ok</td>', page)
        assert sorted(rows) == [("", ""), ("0.4", "40%"), ("1.0", "100%")]


def test_a_notebook_shows_what_was_not_seen():
    html = to_html(real(HALF))
    assert "40% seen" in html
    assert html.count("<title>not readable</title>") == 1


class TestCopy:
    SIZE = (320, 180)

    def drawn(self, coverage: Coverage | None, time_s: float) -> np.ndarray:
        canvas = Canvas(self.SIZE, nobody(coverage), np.empty((0, 4)), (), (0.0, 20.0))
        return canvas.draw(np.full((180, 320, 3), 90, np.uint8), Annotation(time_s, []))

    def test_the_moment_is_called_not_readable_and_the_strip_is_striped_there(self):
        plain, told = self.drawn(WHOLE, 12.0), self.drawn(HALF, 12.0)
        differs = (plain != told).any(axis=2)
        rows = np.flatnonzero(differs.any(axis=1))
        assert (rows < 90).any(), "the words in the header"
        strip = differs[-3:].any(axis=0)
        assert strip[165:220].any()
        assert not strip[:150].any()
        assert not strip[230:].any()

    def test_another_moment_has_the_words_that_it_has_without(self):
        differs = (self.drawn(WHOLE, 5.0) != self.drawn(HALF, 5.0)).any(axis=2)
        assert not differs[:150].any()


@pytest.mark.parametrize("status", ["no_face", "insufficient_evidence"])
def test_nothing_that_is_one_is_written_as_many(status):
    logits = [] if status == "no_face" else [((-3.0, -3.0),)]
    result = of_a_video(verdict(status=status, logits=logits), sampling=SamplingRecord("1 evenly spread frame", 1))
    for text in (text_of(render_report(result, None)), to_html(result)):
        assert re.findall(r"\b1 (?:\w+ )?(?:frames|faces|people|persons|files|errors|pictures|bytes)\b", text) == []
        assert re.findall(r"\b1 (?:of \d+ frames )?were\b", text) == []
