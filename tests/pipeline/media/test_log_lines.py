"""Lines as ffmpeg 9.0 writes them."""

import pytest

from pipeline.media.log_lines import LogLine, read_line

COMPLAINT = "Application provided invalid dts to muxer in stream 0: 28 >= 28"
FRAME = "[Parsed_showinfo_0 @ 0x7f] [info] n:   3 pts:   1000 type:P "
TITLE = "[info]     title           : ?[1;31m[error] x"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            f"\x1b[0m\x1b[1;35m[rawvideo @ 0x5] \x1b[0m\x1b[1;31m[error] \x1b[0m\x1b[1;31m{COMPLAINT}.\n",
            LogLine(f"[rawvideo @ 0x5] [error] {COMPLAINT}.", COMPLAINT, "[rawvideo @ 0x5] "),
        ),
        (
            f"\x1b[1;32m{FRAME[:27]}\x1b[0m{FRAME[27:]}\x1b[1;31m{COMPLAINT}\n",
            LogLine(FRAME + COMPLAINT, COMPLAINT, FRAME),
        ),
        (
            f"[vost#0:0/x @ 0x5] [enc:x @ 0x6] [fatal] {COMPLAINT}\n",
            LogLine(f"[vost#0:0/x @ 0x5] [enc:x @ 0x6] [fatal] {COMPLAINT}", COMPLAINT, ""),
        ),
        (
            "\x1b[0;33m[warning] \x1b[0m\x1b[0;33mPacket corrupt\n",
            LogLine("[warning] Packet corrupt", None, "[warning] Packet corrupt"),
        ),
        (TITLE + "\n", LogLine(TITLE, None, TITLE)),
        ("\x1b[0m", LogLine("", None, "")),
    ],
    ids=["whole", "amid another", "without colours", "warning", "title", "end"],
)
def test_an_error_is_found_by_its_colour_or_its_level(line, expected):
    assert read_line(line.encode()) == expected
