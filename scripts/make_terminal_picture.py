"""Record a scan of the sample videos in a terminal as an animated picture for the README.

    python scripts/make_terminal_picture.py docs/pictures/scan.gif

What is shown is what the command wrote, at the time at which it wrote it; only the colours of the verdicts are added.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

COMMAND = "facewitness scan sample_videos"
COLUMNS, ROWS = 106, 13
_INK, _PAPER, _PROMPT = "#d7dde5", "#14171b", "#56c08a"
_FONT_SIZE, _MARGIN, _LINE = 15, 18, 21
_COLOURS = {"likely_fake": "#f5954d", "likely_real": "#5cb3e8"}
_LAST_FRAME_MS = 5000


def main() -> None:
    """Record and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help="the GIF to write")
    arguments = parser.parse_args()
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans Mono"), _FONT_SIZE)
    times, screens = [0.0, 0.8], [_typed(0), _typed(len(COMMAND))]
    began = time.monotonic()
    written = b""
    for part in _run(COMMAND):
        written += part
        times.append(0.8 + time.monotonic() - began)
        screens.append([f"$ {COMMAND}", *_lines(written.decode("utf-8", "replace"))])
    screens[-1] = [*screens[-1], "$"]
    durations = [max(60, round(1000 * (b - a))) for a, b in zip(times, [*times[1:], 0.0], strict=True)]
    durations[-1] = _LAST_FRAME_MS
    pictures = [_draw(lines, font) for lines in screens]
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(arguments.picture, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def _typed(count: int) -> list[str]:
    return [f"$ {COMMAND[:count]}"]


def _run(command: str) -> Iterator[bytes]:
    """Run a command in a terminal of its own and give what it writes, as it comes."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(command, shell=True, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            # The terminal is gone with the last process in it.
            break
        if not part:
            break
        yield part
    if process.wait():
        raise SystemExit(f"`{command}` failed; is facewitness on the PATH?")


def _lines(text: str) -> list[str]:
    """Lay text out as a terminal does that knows line feeds and carriage returns."""
    lines, row, column = [""], 0, 0
    for character in text:
        if character == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif character == "\r":
            column = 0
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + character + line[column + 1 :]
            column += 1
    return lines


def _draw(lines: list[str], font: ImageFont.FreeTypeFont) -> Image.Image:
    size = (round(font.getlength("m") * COLUMNS) + 2 * _MARGIN, ROWS * _LINE + 2 * _MARGIN)
    picture = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(lines[-ROWS:]):
        at = (_MARGIN, _MARGIN + row * _LINE)
        draw.text(at, line[:COLUMNS], font=font, fill=_PROMPT if line.startswith("$") else _INK)
        for word, colour in _COLOURS.items():
            if (place := line.find(word)) >= 0:
                draw.text((at[0] + font.getlength(line[:place]), at[1]), word, font=font, fill=colour)
    return picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)


if __name__ == "__main__":
    main()
