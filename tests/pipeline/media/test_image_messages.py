"""What a process says of an image is taken as plain numbers and text, or not at all."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from PIL import Image

from pipeline.media import MediaError, image_process, open_frames, probe
from pipeline.media.image_messages import END, FACTS, PICTURE, read_message
from pipeline.media.limits import Limits
from tests.media_files import EVERY, number_frame

STILL = {
    **{"width": 96, "height": 64, "mode": "RGB", "rotation_deg": 0, "mirrored": False},
    **{"not_looked_at": [], "shown_s": [0.0]},
}


def test_what_was_asked_for_is_read():
    assert read_message(json.dumps(STILL).encode(), FACTS) == STILL
    assert read_message(b'{"index": 2, "width": 1, "height": 3}', PICTURE, END) == {"index": 2, "width": 1, "height": 3}
    assert read_message(b'{"warnings": ["cut off"]}', PICTURE, END) == {"warnings": ["cut off"]}
    assert read_message(b'{"status": "unsupported", "message": "a"}') == {"status": "unsupported", "message": "a"}


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": "96"},
        {"height": 1.5},
        {"height": True},
        {"mode": None},
        {"rotation_deg": 45},
        {"mirrored": 1},
        {"not_looked_at": "page 2"},
        {"not_looked_at": [2]},
        {"shown_s": []},
        {"shown_s": [0.1, 0]},
        {"shown_s": [0.1, float("nan")]},
        {"shown_s": [0.1, -1]},
        {"shown_s": [0.1, 10**400]},
        {"another": 1},
    ],
    ids=str,
)
def test_facts_that_make_no_sense_are_refused(change):
    with pytest.raises(ValueError):
        read_message(json.dumps(STILL | change).encode(), FACTS)


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"7", b"{", b"{}", b"\xff", b"[" * 100_000, b'{"warnings": []}', b'{"status": "ok", "message": "a"}'],
)
def test_what_was_not_asked_for_is_refused(line):
    with pytest.raises(ValueError):
        read_message(line, FACTS)


def test_texts_cannot_break_lines_or_steer_terminals():
    message = json.dumps({"status": "error", "message": "a\n\x1b[2Jb"}).encode()
    assert read_message(message)["message"] == "a\\n\\x1b[2Jb"


@pytest.fixture
def answering(monkeypatch):
    """Lets another program answer for the one that reads images, with the same bytes for whatever is asked."""

    def answer(*lines: object) -> None:
        def hand_over(image: int, descriptor: int) -> None:
            connection = image_process.socket.socket(fileno=image_process.os.dup(descriptor))

            def write() -> None:
                with connection, connection.makefile("rwb") as stream:
                    stream.readline()  # the limits
                    for line in lines:
                        stream.readline()
                        stream.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
                        stream.flush()

            threading.Thread(target=write, daemon=True).start()

        monkeypatch.setattr(image_process._server, "hand_over", hand_over)

    return answer


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(number_frame(7)).save(path)
    return path


def test_facts_of_an_image_that_has_taken_over_its_process(answering, image):
    answering(STILL | {"width": "wide"})
    with pytest.raises(MediaError, match="makes no sense") as caught:
        probe(image)
    assert caught.value.status == "error"


@pytest.mark.parametrize(
    "said", [{"index": 1, "width": 1, "height": 1}, {"index": -1, "width": 1, "height": 1}, STILL], ids=str
)
def test_pictures_of_an_image_that_has_taken_over_its_process(answering, image, said):
    answering(STILL, said)
    with pytest.raises(MediaError, match="makes no sense") as caught, open_frames(probe(image), EVERY) as reader:
        list(reader)
    assert caught.value.status == "error"


def joined(*parts: object) -> bytes:
    return b"".join(part if isinstance(part, bytes) else json.dumps(part).encode() + b"\n" for part in parts)


def test_failure_amid_the_pixels_of_a_picture_is_told(answering, image):
    failure = {"status": "undecodable", "message": "It is damaged."}
    answering(STILL, joined({"index": 0, "width": 96, "height": 64}, {"bytes": 5}, b"{}\n{}", failure))
    info = probe(image, limits=Limits(timeout_s=5))
    with pytest.raises(MediaError, match="It is damaged") as caught, open_frames(info, EVERY) as reader:
        list(reader)
    assert caught.value.status == "undecodable"


def test_more_pixels_than_a_picture_has_are_refused(answering, image):
    answering(STILL, joined({"index": 0, "width": 1, "height": 1}, {"bytes": 4}, b"1234"))
    with pytest.raises(MediaError, match="makes no sense"), open_frames(probe(image), EVERY) as reader:
        list(reader)


def test_another_program_can_answer(answering, image):
    picture = number_frame(5)
    head, end = ({"index": 0, "width": 96, "height": 64}, {"warnings": ["so"]})
    answering(STILL, joined(head, {"bytes": picture.nbytes}, picture.tobytes(), end))
    with open_frames(probe(image), EVERY) as reader:
        assert [np.array_equal(frame.image, picture) for frame in reader] == [True]
    assert reader.warnings == ["so"]
