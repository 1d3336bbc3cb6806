from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.media_files import number_frames, write_video

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# In the background of a script Ctrl-C is ignored, and by all that tests start as well.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CLIP_FRAMES = 30
CLIP_FPS = 10

_REPOSITORY = Path(__file__).parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, Any]:
    """Let logs of tests go from process to process also where they are no text: names with halves of characters."""
    return _as_text((yield))


def _as_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _as_text(each) for name, each in value.items()}
    return type(value)(map(_as_text, value)) if isinstance(value, (list, tuple)) else value


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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree, built elsewhere so that nothing is left in it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pipeline", "extractors", "classifiers", "scripts/facewitness"):
        shutil.copytree(_REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(_REPOSITORY / name, source)
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir", "-w", out, source]
    subprocess.run([sys.executable, "-m", *build], check=True)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a fresh environment: it has the wheel, and what it needs from the running one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    # Python 3.10 has no layout of that name.
    layout = "venv" if "venv" in sysconfig.get_scheme_names() else sysconfig.get_preferred_scheme("prefix")
    programs = Path(sysconfig.get_path("scripts", layout, paths))
    packages = Path(sysconfig.get_path("purelib", layout, paths))
    install = ["pip", "--python", programs / "python", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, "-m", *install], check=True)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return programs
