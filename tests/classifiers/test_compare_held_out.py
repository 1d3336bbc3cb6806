"""Networks compared on held-out sources, which decides what is shipped."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from train_default import default_samples

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


def figures(done: subprocess.CompletedProcess[str]) -> dict[str, list[float]]:
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines()[2:]]
    return {name: [float(area) for area in areas] for name, *areas in rows if name != "  more"}


def test_means_of_networks(faces: Path):
    one, other = "mobilenet_v2", "efficientnet_lite2"
    done = compare(faces, one, f"{one}+{one}", other, f"{one}+{other}", f"{other}+{one}")
    counts, header, *rows = (line.split(" | ") for line in done.stdout.splitlines())
    assert "1 DeepFakeDetection swap" in counts[0] and "3 real_video" in counts[0]
    assert header[1:] == ["self-blended", "swaps", "drawn", "three kinds", "DeepFakeDetection", "all four"]
    assert set(rows[2][1:]) == {"+0.0000 [+0.0000, +0.0000]"}
    found = figures(done)
    for areas in found.values():
        assert areas[3] == pytest.approx(sum(areas[:3]) / 3, abs=2e-4)
        assert areas[5] == pytest.approx((sum(areas[:3]) + areas[4]) / 4, abs=2e-4)
    assert found[f"{one}+{one}"] == found[one]
    assert found[f"{one}+{other}"] == found[f"{other}+{one}"] not in (found[one], found[other])


@pytest.mark.slow
def test_nothing_is_calibrated_on_what_is_apart(faces: Path, tmp_path: Path):
    """There another clip is said to be the swap."""
    shutil.copytree(faces, tmp_path, dirs_exist_ok=True)
    index = tmp_path / "video_swaps.csv"
    rows = [row.replace(",real,,news,", ",fake,faceswap,news,") for row in index.open() if ",swapper," not in row]
    index.write_text("".join(rows))
    more, less = (figures(compare(folder, "mobilenet_v2"))["mobilenet_v2"] for folder in (faces, tmp_path))
    assert less[:4] == more[:4] and less[4] != more[4]


@pytest.mark.slow
def test_weights_of_a_run(faces: Path, tmp_path: Path):
    from classifiers import find_model
    from classifiers.architectures import build
    from classifiers.stored_network import load_network

    shipped, run, untrained = "mobilenet_v2", tmp_path / "run.weights.h5", tmp_path / "untrained.weights.h5"
    load_network(find_model(shipped)).save_weights(run)
    build(shipped).save_weights(untrained)
    names = [shipped, f"{shipped}={run}", f"{shipped}={untrained}"]
    found = figures(compare(faces, *names))
    assert found[names[1]] == pytest.approx(found[shipped], abs=1e-3)
    assert found[names[2]] != pytest.approx(found[shipped], abs=1e-2)


def test_without_what_is_apart(faces: Path, tmp_path: Path):
    shutil.copytree(faces, tmp_path, dirs_exist_ok=True)
    shutil.copy(tmp_path / "video_faces.csv", tmp_path / "video_swaps.csv")
    done = compare(tmp_path, "mobilenet_v2")
    assert done.returncode == 1 and "has no held-out face of DeepFakeDetection" in done.stderr
    assert "Traceback" not in done.stderr


def test_strangers_are_no_twins(faces: Path, tmp_path: Path):
    """What joins them is left out; other scenes stay."""
    shutil.copytree(faces, tmp_path, dirs_exist_ok=True)
    index = tmp_path / "video_swaps.csv"
    header, *rows = index.read_text().splitlines()
    rows = [
        f"{row},one".replace("DeepFakeDetection", "ReSwapper examples" if n < 3 else "DFDC")
        for n, row in enumerate(rows)
    ]
    index.write_text("\n".join([f"{header},scene", *rows]))
    scenes = {(s.origin, s.scene) for s in default_samples(tmp_path, ["video_swaps"]) if s.origin != "owner/name"}
    assert ("ReSwapper examples", "") in scenes and ("DFDC", "one") in scenes
    assert ("ReSwapper examples", "one") not in scenes


def test_what_cannot_be_compared(faces: Path, tmp_path: Path):
    weights = tmp_path / "run.weights.h5"
    weights.write_bytes(b"nothing")
    for network, named in (
        ("nothing", "'nothing'"),
        (f"mobilenet_v2={weights}", str(weights)),
        (f"mobilenet_v2={tmp_path}/none.weights.h5", f"{tmp_path}/none.weights.h5"),
    ):
        done = compare(faces, network)
        assert done.returncode == 1 and named in done.stderr and "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()[-1]) < 400 and done.stderr.count("compare_held_out.py: ") == 1
