from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.media_files import number_frames, write_video

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

CLIP_FRAMES = 30
CLIP_FPS = 10


@pytest.fixture(scope="session")
def media_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for media files that tests share and do not change."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def clip(media_dir: Path) -> Path:
    """Three seconds of H.264 with sound, 30 numbered frames at 10 per second, a key frame each second."""
    return write_video(
        media_dir / "clip.mp4",
        number_frames(CLIP_FRAMES),
        fps=CLIP_FPS,
        sound=True,
        options=["-g", 10, "-bf", 2, "-c:a", "aac"],
    )
