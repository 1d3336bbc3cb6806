"""The command line as a user meets it."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import psutil
import pytest

from classifiers import shipped_models
from pipeline import __version__
from pipeline.cli import main
from pipeline.results.schema import schema
from tests.media_files import run_ffmpeg

SAMPLES = Path(__file__).parents[3] / "sample_videos"
REAL = SAMPLES / "real.mp4"

_MODULES = "import sys; from pipeline.cli import main\ntry: main(sys.argv[1:])\nfinally: print(*sys.modules)"


def modules_after(*arguments: str) -> set[str]:
    run = subprocess.run([sys.executable, "-c", _MODULES, *arguments], capture_output=True, text=True)
    return set(run.stdout.split())


def test_help_loads_nothing_heavy():
    loaded = modules_after("--help")
    assert "pipeline.cli" in loaded
    assert not loaded & {"numpy", "cv2", "openvino", "scipy", "tensorflow", "keras", "ffmpeg", "tqdm", "PIL"}


def test_a_default_scan_does_not_load_tensorflow():
    script = "import sys; from pipeline import scan; scan(sys.argv[1]); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script, REAL], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "openvino" in loaded
    assert not loaded & {"tensorflow", "keras", "torch", "jax", "mtcnn"}


def test_the_process_that_others_scan_for_loads_no_networks():
    loaded = modules_after("scan", str(REAL), "--frames", "2")
    assert "pipeline.batch.scan_batch" in loaded
    assert not loaded & {"openvino", "tensorflow", "keras", "mtcnn", "dlib"}


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_models_names_the_default_and_what_has_no_weights(capsys):
    assert main(["models"]) == 0
    of_model = {block.split()[0]: block for block in re.split(r"\n(?=\S)", capsys.readouterr().out)}
    assert "default" in next(iter(of_model.values()))
    assert "no trained weights" in of_model["xception"]
    for name, model in shipped_models().items():
        assert ("no heat maps" in of_model[name]) is not model.heat_maps


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "xception"], "no trained weights"),
        (["--model", "nonesuch"], "mobilenet_v2"),
        (["--detector", "nonesuch"], "mtcnn"),
        (["--frames", "600"], "512"),
        (["--format", "csv"], "name their folder with -o"),
        (["--format", "csv", "-o", "-"], "name their folder with -o"),
        (["--format", "jsonl"], "name their folder with -o"),
    ],
)
def test_what_cannot_be_had_is_wrong_usage_in_one_sentence(capsys, arguments, words):
    assert main(["scan", str(REAL), *arguments]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--frames", "0"], ["--frames", "x"], ["--fps", "-1"], ["--workers", "0"], [""], []]
)
def test_wrong_options_are_wrong_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(["scan", *([str(REAL)] if arguments else []), *arguments])
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


# What each bad input is, and the status it must get. A generator of the file takes its path.
BAD_INPUTS = {
    "missing.mp4": (lambda path: None, "error"),
    "empty_folder": (lambda path: path.mkdir(), "error"),
    "zero.mp4": (lambda path: path.write_bytes(b""), "undecodable"),
    "text.mp4": (lambda path: path.write_text("this is no video\n" * 50), "undecodable"),
    "truncated.mp4": (lambda path: path.write_bytes(REAL.read_bytes()[:900]), "undecodable"),
    "sound.mp4": (
        lambda path: run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", path),
        "unsupported",
    ),
    "pixel.png": (
        lambda path: run_ffmpeg("-f", "lavfi", "-i", "color=red:size=1x1", "-frames:v", "1", path),
        "no_face",
    ),
    "one_frame.mp4": (lambda path: run_ffmpeg("-i", REAL, "-frames:v", "1", path), "ok"),
    "with spaces.mp4": (lambda path: path.write_bytes(REAL.read_bytes()), "ok"),
    "quotes'\".mp4": (lambda path: path.write_bytes(REAL.read_bytes()), "ok"),
    "line\nbreak.mp4": (lambda path: path.write_bytes(REAL.read_bytes()), "ok"),
    "-dash.mp4": (lambda path: path.write_bytes(REAL.read_bytes()), "ok"),
    os.fsdecode(b"not\xffutf8.mp4"): (lambda path: path.write_bytes(REAL.read_bytes()), "ok"),
}


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess, Path]:
    """One run over every odd input, from within their folder, with a good clip as the last."""
    folder, out = tmp_path_factory.mktemp("inputs"), tmp_path_factory.mktemp("results")
    for name, (make, _) in BAD_INPUTS.items():
        make(folder / name)
    command = [sys.executable, "-c", "import sys; from pipeline.cli import main; sys.exit(main())"]
    options = ["scan", "-o", str(out), "--frames", "4", "--", *BAD_INPUTS, str(REAL)]
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True), out


@pytest.mark.parametrize("name", BAD_INPUTS, ids=ascii)
def test_each_odd_input_has_its_own_status_and_sentence(batch, name):
    _, out = batch
    document = json.loads((out / f"{name}.json").read_text())
    jsonschema.validate(document, schema())
    assert document["status"] == BAD_INPUTS[name][1]
    if document["status"] == "ok":
        assert document["message"] is None
        assert document["score"] is not None
    else:
        assert document["score"] is None
        assert "\n" not in document["message"]
        assert re.search(r"[a-z]{2,}", document["message"])


def test_odd_inputs_do_not_stop_the_others(batch):
    run, out = batch
    assert run.returncode == 1
    assert json.loads((out / "real.mp4.json").read_text())["status"] == "ok"
    assert "Traceback" not in run.stdout + run.stderr
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(BAD_INPUTS) + 1
    assert {row["status"] for row in rows} == {status for _, status in BAD_INPUTS.values()}


def test_the_table_has_one_row_for_each_input(batch):
    run, _ = batch
    table = run.stdout.split("\n\n")[0].splitlines()
    assert len(table) == 2 + len(BAD_INPUTS) + 1


def test_a_folder_keeps_its_shape(tmp_path, capsys):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for place in ("a.mp4", "deep/a.mp4"):
        (tmp_path / "in" / place).write_bytes(REAL.read_bytes())
    assert main(["scan", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--frames", "2"]) == 0
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.json")}
    assert found == {"a.mp4.json", "deep/a.mp4.json"}


def test_json_lines_go_down_a_pipe_alone(capsys):
    assert main(["scan", str(REAL), str(SAMPLES / "no_face.mp4"), "-o", "-", "--frames", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["ok", "no_face"]


def test_the_two_columns_of_the_challenge(tmp_path, capsys):
    arguments = ["scan", str(REAL), str(SAMPLES / "no_face.mp4"), "-o", str(tmp_path), "--format", "csv"]
    assert main([*arguments, "--frames", "3"]) == 0
    rows = list(csv.reader((tmp_path / "labels.csv").open()))
    assert rows[0] == ["filename", "label"]
    assert rows[2] == ["no_face.mp4", "0.5"]


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path, capsys):
    arguments = ["scan", str(REAL), "-o", str(tmp_path), "--frames", "3"]
    stored = tmp_path / "real.mp4.json"
    assert main(arguments) == 0
    first = stored.read_text()
    assert main(arguments) == 0
    assert stored.read_text() == first
    assert main([*arguments[:-1], "4"]) == 0
    assert json.loads(stored.read_text())["sampling"]["frames"] == 4
    marked = json.loads(stored.read_text())
    marked["timing_s"]["total"] = 1e6
    stored.write_text(json.dumps(marked))
    assert main([*arguments[:-1], "4", "--overwrite"]) == 0
    assert json.loads(stored.read_text())["timing_s"]["total"] < 1e6


def test_wrong_usage_leaves_earlier_results_alone(tmp_path, capsys):
    arguments = ["scan", str(REAL), "-o", str(tmp_path), "--frames", "2"]
    assert main(arguments) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main([*arguments, "--model", "nonesuch"]) == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_of_one_name_do_not_overwrite_each_other(tmp_path, capsys):
    out = tmp_path / "out"
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "clip.mp4").write_bytes(REAL.read_bytes())
        assert main(["scan", str(tmp_path / place / "clip.mp4"), "-o", str(out), "--frames", "2"]) == 0
    results = [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]
    assert {Path(r["input"]["path"]).parent.name for r in results} == {"a", "b"}
    with (out / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_a_result_under_other_thresholds_is_not_kept(tmp_path, capsys):
    arguments = ["scan", str(REAL), "-o", str(tmp_path), "--frames", "2"]
    assert main(arguments) == 0
    stored = tmp_path / "real.mp4.json"
    old = json.loads(stored.read_text())
    right = old["thresholds"]["likely_fake"]
    old["thresholds"]["likely_fake"] = 0.01
    stored.write_text(json.dumps(old))
    assert main(arguments) == 0
    assert json.loads(stored.read_text())["thresholds"]["likely_fake"] == right


def test_an_output_folder_that_cannot_be_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    assert main(["scan", str(REAL), "-o", str(tmp_path / "file" / "out")]) == 1
    message = capsys.readouterr().err
    assert "cannot make the folder" in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_a_file_that_kills_its_process_costs_only_itself(tmp_path):
    """A worker is killed from outside while it scans; its file is scanned again alone."""
    inputs = [tmp_path / f"{number}.mp4" for number in range(5)]
    for path in inputs:
        path.write_bytes(REAL.read_bytes())
    command = [sys.executable, "-c", "import sys; from pipeline.cli import main; sys.exit(main())"]
    arguments = ["scan", *map(str, inputs), "-o", str(tmp_path / "out"), "--workers", "2", "--frames", "all"]
    run = psutil.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killed = False
    while run.poll() is None and not killed:
        for child in run.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()) and any("ffmpeg" in c.name() for c in child.children()):
                    child.kill()
                    killed = True
                    break
        time.sleep(0.01)
    output, errors = run.communicate(timeout=200)
    assert killed
    assert "Traceback" not in errors
    assert len(list((tmp_path / "out").glob("*.json"))) == 5
    assert output.count("likely") + output.count("inconclusive") == 5


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_scan_ends_at_once_and_keeps_what_it_has(tmp_path, workers):
    inputs = [tmp_path / f"{number}.mp4" for number in range(12)]
    for path in inputs:
        path.write_bytes(REAL.read_bytes())
    out = tmp_path / "out"
    command = [sys.executable, "-c", "import sys; from pipeline.cli import main; sys.exit(main())"]
    options = ["-o", str(out), "--workers", workers, "--frames", "all"]
    run = subprocess.Popen([*command, "scan", *map(str, inputs), *options], stderr=subprocess.PIPE, text=True)
    while run.poll() is None and not list(out.glob("*.json")):
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "Traceback" not in errors
    kept = list(out.glob("*.json"))
    assert 1 <= len(kept) < 12
    assert all(json.loads(path.read_text())["status"] == "ok" for path in kept)


@pytest.mark.slow
def test_workers_give_what_one_process_gives(tmp_path, capsys):
    inputs = [str(SAMPLES / name) for name in ("real.mp4", "no_face.mp4", "two_people.mp4")]
    scores = []
    for workers in ("1", "2"):
        out = tmp_path / workers
        bad = str(tmp_path / "missing.mp4")
        assert main(["scan", *inputs, bad, "-o", str(out), "--frames", "4", "--workers", workers]) == 1
        with (out / "results.csv").open(newline="") as file:
            scores.append([(row["filename"], row["status"], row["score"]) for row in csv.DictReader(file)])
    assert [row[:2] for row in scores[0]] == [row[:2] for row in scores[1]]
    # Which crops share a batch decides over the last bits.
    for (_, _, one), (_, _, other) in zip(*scores, strict=True):
        assert (one == other == "") or float(one) == pytest.approx(float(other), abs=1e-3)
    assert len(scores[0]) == 4
