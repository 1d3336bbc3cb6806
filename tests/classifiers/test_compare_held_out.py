"""Networks compared on held-out sources, which decides what is shipped."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from tests.tiny_shards import write_shards

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare_held_out.py"


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All is held out, and the clips are once more those of an origin that nothing is fitted to."""
    folder = write_shards(tmp_path_factory.mktemp("faces"))
    for index in folder.glob("*.csv"):
        index.write_text(index.read_text().replace(",train,", ",val,"))
    clips = (folder / "video_faces.csv").read_text().replace("owner/name", "DeepFakeDetection")
    (folder / "video_swaps.csv").write_text(clips.replace("video_faces-00", "video_swaps-00"))
    shutil.copy(folder / "video_faces-00.zip", folder / "video_swaps-00.zip")
    return folder


def compare(faces: Path, *networks: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--faces", str(faces), *networks]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_network_is_as_good_as_its_mean_with_itself(faces: Path):
    done = compare(faces, "mobilenet_v2", "mobilenet_v2+mobilenet_v2", "efficientnet_lite2")
    assert done.returncode == 0, done.stderr
    counts, header, first, second, same, _, other = (line.split(" | ") for line in done.stdout.splitlines())
    assert "1 DeepFakeDetectionswap" in counts[0] and "3 real_video" in counts[0]
    assert header[1:] == ["self-blended", "swaps", "drawn", "three kinds", "DeepFakeDetection", "all four"]
    areas = [float(area) for area in first[1:]]
    assert areas[3] == pytest.approx(sum(areas[:3]) / 3, abs=2e-4)
    assert areas[5] == pytest.approx((sum(areas[:3]) + areas[4]) / 4, abs=2e-4)
    assert second[1:] == first[1:] and set(same[1:]) == {"0.000 [0.000, 0.000]"}
    # Another network has other figures, and differences that may go either way.
    assert other[1:] != same[1:]


@pytest.mark.slow
def test_weights_of_a_run(faces: Path, tmp_path: Path):
    from classifiers.architectures import build

    build("mobilenet_v2").save_weights(tmp_path / "run.weights.h5")
    done = compare(faces, "mobilenet_v2", f"mobilenet_v2={tmp_path}/run.weights.h5+efficientnet_lite2")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5


def test_no_such_network(faces: Path):
    done = compare(faces, "nothing")
    assert done.returncode == 1 and "'nothing'" in done.stderr and "Traceback" not in done.stderr
