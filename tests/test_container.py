"""What the files of the container say is checked, and the command of the image run, without a builder of images."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from pipeline.media.confinement import offered
from tests.caged_server import TOKEN

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_videos" / "two_people.mp4"
CAGE = """
set -e
mount -t tmpfs none "$DATA"
mount -t tmpfs -o noexec,nosuid,nodev none "$TMPDIR"
mount -o remount,ro,bind /
cd /
exec "$@"
"""


def steps(text: str) -> list[tuple[str, str]]:
    """Give the instructions of a Containerfile, each with its arguments on one line."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined)]


STEPS = steps((ROOT / "Containerfile").read_text())


def arguments(name: str) -> list[str]:
    return [rest for step, rest in STEPS if step == name]


@pytest.fixture(scope="module")
def service() -> dict:
    (found,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    return found


def is_ignored(path: str) -> bool:
    """Tell whether the ignore file keeps a path out: the last line about it or a folder above it counts."""
    names = [path, *map(str, Path(path).parents)]
    ignored = False
    for line in (ROOT / ".containerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if (
            line
            and not line.startswith("#")
            and any(fnmatch(n, pattern) and n.count("/") == pattern.count("/") for n in names)
        ):
            ignored = not line.startswith("!")
    return ignored


def test_image_is_built_from_files_that_are_there_and_nothing_else():
    sources = [source for rest in arguments("COPY") if not rest.startswith("--") for source in rest.split()[:-1]]
    assert {"setup.cfg", "pipeline", "scripts/facewitness"} <= {*sources}
    for source in sources:
        assert (ROOT / source).exists() and not is_ignored(source), source
    for other in (".git", "tests", "docs", "token.txt", "scripts/benchmark.py", ".venv"):
        assert is_ignored(other), other


def test_the_wheel_needs_what_is_copied():
    config = (ROOT / "setup.cfg").read_text()
    for name in ("README.md", "LICENSE", "scripts/facewitness", "pipeline", "extractors", "classifiers"):
        assert name in config and any(name in rest.split() for rest in arguments("COPY")), name
    assert any("[serve]" in rest for rest in arguments("RUN"))
    assert "\nserve =\n" in config


def test_image_is_pinned_and_runs_as_nobody_in_particular():
    bases = arguments("FROM")
    assert len(bases) == 2 and all(re.match(r"\S+/python:\d+\.\d+\.\d+-slim-\w+( AS \w+)?$", base) for base in bases)
    uid, _, gid = arguments("USER")[-1].partition(":")
    assert int(uid) > 999 and int(gid) > 999
    assert any(f"--uid {uid}" in rest for rest in arguments("RUN"))
    # What comes after may write nothing.
    after = [step for step, _ in STEPS[STEPS.index(("USER", f"{uid}:{gid}")) :]]
    assert not {"RUN", "COPY", "ADD"} & {*after}
    assert arguments("VOLUME") == ["/data"]


def test_service_is_closed_in(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert service["mem_limit"] and service["pids_limit"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "environment" not in service and not {"network_mode", "pid", "ipc"} & {*service}
    place = service["command"][service["command"].index("--token-file") + 1]
    assert place in {f"/run/secrets/{name}" for name in service["secrets"]}
    command = json.loads(arguments("CMD")[0])
    assert service["command"][: len(command)] == command


@pytest.mark.slow
def test_what_the_image_runs_needs_no_network_and_writes_nowhere_else(scripts, tmp_path):
    """Its command, from the wheel, where every folder but its data and /tmp is read-only."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rmn", "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody make name spaces: unshare -rmn")
    data, temporary, token = tmp_path / "data", tmp_path / "tmp", tmp_path / "token"
    data.mkdir()
    temporary.mkdir()
    token.write_text(f"{TOKEN}\n")
    health = json.loads(arguments("HEALTHCHECK")[0].partition("CMD ")[2])
    command = [*json.loads(arguments("ENTRYPOINT")[0]), *json.loads(arguments("CMD")[0]), "--token-file", str(token)]
    command[command.index("/data")] = str(data)
    environment = {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "HOME": "/home/facewitness",  # is not there, as in the image
        "TMPDIR": str(temporary),
        "DATA": str(data),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    caged = [unshare, "-rmn", "sh", "-c", CAGE, "sh", "python", ROOT / "tests" / "caged_server.py", SAMPLE]
    done = subprocess.run(
        [*map(str, caged), *health, "--", *command], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["verdict"] == "likely_fake" and len(result["tracks"]) == 2
    # Decoders are confined as they are outside.
    assert set(result["input"]["confinement"]) >= set(offered())
