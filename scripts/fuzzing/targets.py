"""What the project parses itself, each as a function of bytes that raises nothing, whatever the bytes are.

    TARGETS["result"].try_out(b"{}")

An error that the parser's documentation names is caught; any other exception is a fault.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from random import Random

import jsonschema

from classifiers.datasets import open_dataset
from classifiers.errors import DataError
from classifiers.model_spec import MANIFEST, ModelError, find_model
from fuzzing.text_changes import changed_json, changed_text
from pipeline.evidence.bundle import BundleError, make_bundle, verify_bundle
from pipeline.media import MediaError
from pipeline.media.frame_log import FrameLog
from pipeline.media.frame_times import PacketTable
from pipeline.media.image_messages import END, FACTS, PICTURE, read_message
from pipeline.media.pixel_shapes import HeaderLog
from pipeline.media.provenance.declarations import Credentials
from pipeline.media.provenance.messages import PROVENANCE
from pipeline.media.types import MAX_PIXELS
from pipeline.media.video_probe import Banner
from pipeline.results.provenance import Provenance
from pipeline.results.schema import SCHEMA, schema
from pipeline.results.verdict import NotAResultError, parse_verdict, read_verdict, stored_path

_NO_FILE = Path("clip.mp4")


@dataclass(frozen=True, slots=True)
class Target:
    """A parser.

    Attributes:
        try_out: gives it bytes; raises what must not happen.
        examples: valid input, to start from.
        change: changes input in one place so that most of it still makes sense.
    """

    try_out: Callable[[bytes], None]
    examples: tuple[bytes, ...]
    change: Callable[[bytes, Random], bytes] = changed_text


def _lines(data: bytes) -> list[str]:
    """Cut a log into lines as `pipeline.media.ffmpeg.Process` does."""
    return [line.decode("utf-8", "replace").rstrip("\r\n") for line in io.BytesIO(data)]


def _banner(data: bytes) -> None:
    banner = Banner()
    with suppress(ValueError, ArithmeticError):
        for line in _lines(data):
            banner.feed(line)
    assert math.isfinite(banner.start_time_s) and math.isfinite(banner.duration_s or 0)
    assert banner.tells_of_damage in (True, False)
    for video in banner.videos:
        assert str(video) and math.isfinite(video.display_angle or 0)


def _headers(data: bytes) -> None:
    log = HeaderLog(Fraction(1, 90000))
    with suppress(ValueError, ArithmeticError):
        for line in _lines(data):
            log.feed(line)
        times_s = [time_s for time_s, _ in log.changes()]
        assert times_s == sorted(times_s)


def _frame_log(data: bytes) -> None:
    log = FrameLog(_NO_FILE, sideways=False)
    with suppress(ValueError, ArithmeticError):
        for line in _lines(data):
            log.feed(line)
    for frame in log.rest():
        width, height = frame.form.shown_size
        assert 0 < width * height <= MAX_PIXELS and math.isfinite(frame.time_s)


def _packets(data: bytes) -> None:
    table = PacketTable(_NO_FILE)
    with suppress(MediaError):
        for line in io.BytesIO(data):
            table.feed(line)
        times = table.times()
        assert len(times.presentation_s) == len(times.container_s)


def _image_message(data: bytes) -> None:
    with suppress(ValueError):
        said = read_message(data, FACTS, PICTURE, END)
        json.dumps(said, allow_nan=False)
        assert all(text.isprintable() for name in ("mode", "message") if (text := said.get(name)))


def _provenance_message(data: bytes) -> None:
    with suppress(ValueError):
        said = read_message(data, PROVENANCE)
        provenance = Provenance.of(said["credentials"] or Credentials("none"), said["notes"], None)
        jsonschema.validate(provenance.to_json(), {**schema()["properties"]["provenance"], "$defs": schema()["$defs"]})


def _bundle(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        path.write_bytes(data)
        with suppress(BundleError):
            verify_bundle(path)
            assert data == _made_bundle(), "another bundle than the one that was made is called whole"


@cache
def _made_bundle() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        result, bundle = Path(folder) / "result.json", Path(folder) / "bundle.zip"
        result.write_bytes(_stored_result())
        make_bundle(result, bundle)
        return bundle.read_bytes()


def _result(data: bytes) -> None:
    stored_path(data)
    read_verdict(data)
    with suppress(NotAResultError):
        verdict = parse_verdict(data)
        assert repr(verdict) and verdict.people is not None and verdict.pictures_s is not None
        again = parse_verdict(json.dumps(verdict.to_json(), allow_nan=False))
        assert again.status == verdict.status


def _data_set(name: str, files: dict[str, bytes], at: str, data: bytes) -> None:
    """Open a data set that has this content in the file of a name."""
    with tempfile.TemporaryDirectory() as folder:
        for other, content in {**files, name: data}.items():
            path = Path(folder) / other
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with suppress(DataError):
            open_dataset(Path(folder) / at)


def _manifest(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(data)
        file.flush()
        with suppress(ModelError):
            find_model(file.name)


_BANNER = b"""\
[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'fd:':
[info]   Metadata:
[info]     major_brand     : isom
[info]   Duration: 00:00:01.83, start: -0.066000, bitrate: 89 kb/s
[info]   Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt2020nc/bt2020/smpte2084, \
top first), 256x144 [SAR 4:3 DAR 64:27], 67 kb/s, SAR 1:1 DAR 16:9, 6 fps, 6 tbr, 12288 tbn (default)
[info]     Side data:
[info]       Display Matrix: rotation of -90.00 degrees
[info]   Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 8000 Hz, mono, fltp, 24 kb/s (default)
[info]   Stream #0:2: Video: none, none(attached pic), 90k tbr
[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55b1] [error] stream 0, offset 0x30: partial file
[info] Stream mapping:
[info] Output #0, framecrc, to 'pipe:':
"""
_HEADERS = b"""\
[trace_headers @ 0x5] [info] Packet: 4523 bytes, key frame, pts 90000, dts -15000, duration 15000.
[trace_headers @ 0x5] [info] Sequence Header
[trace_headers @ 0x5] [info] 8           horizontal_size_value                            000100000000 = 256
[trace_headers @ 0x5] [info] 20          vertical_size_value                              000010010000 = 144
[trace_headers @ 0x5] [info] 32          aspect_ratio_information                                 0011 = 3
[trace_headers @ 0x5] [info] Packet: 911 bytes, pts NOPTS, dts 0, duration 15000.
[trace_headers @ 0x5] [info] Packet: 4523 bytes, key frame, pts 180000, dts 175000, duration 15000.
[trace_headers @ 0x5] [info] Sequence Parameter Set
[trace_headers @ 0x5] [info] 32          aspect_ratio_idc                                     11111111 = 255
[trace_headers @ 0x5] [info] 40          sar_width                                    0000000000000100 = 4
[trace_headers @ 0x5] [info] 56          sar_height                                   0000000000000011 = 3
"""
_FRAMES = b"""\
[Parsed_showinfo_1 @ 0x7] [info] config in time_base: 1/12288, frame_rate: 6/1
[Parsed_showinfo_1 @ 0x7] [info] n:   0 pts:   8192 pts_time:0.666667 duration:   2048 duration_time:0.166667 \
fmt:yuv420p cl:left sar:4/3 s:256x144 i:P iskey:0 type:P
[Parsed_showinfo_1 @ 0x7] [info] color_range:tv color_space:bt709 color_primaries:bt709 color_trc:bt709
[h264 @ 0x7] [error] concealing 12 DC, 12 AC, 12 MV errors in P frame
[Parsed_showinfo_1 @ 0x7] [info] n:   1 pts:NOPTS pts_time:NOPTS duration:   0 duration_time:0 \
fmt:yuv420p10le cl:left sar:0/1 s:64x48 i:T iskey:1 type:I
[Parsed_showinfo_1 @ 0x7] [info] color_range:unknown color_space:reserved color_primaries:bt2020 color_trc:arib-std-b67
"""
_PACKETS = b"""\
#extradata 0:       47, 0x2b910edc
#tb 0: 1/12288
0,      -2048,          0,     2048,     4099, 0x43d48bd6
0,          0,       4096,     2048,       46, 0xa0d51284, F=0x0
0,       2048,       2048,     2048,      102, 0x10bb2edb, F=0x4
0, -9223372036854775808, -9223372036854775808,        0,     4150, 0xf6d00c46, F=0x0, S=1, MPEGTS Stream ID,        1
"""
_PROVENANCE = (
    b'{"credentials": {"state": "valid", "signer": "a", "trusted": null, "actions": ["c2pa.created"]}, '
    b'"notes": [["exif", "Software", "Midjourney"], ["png", "parameters", "Steps: 20, Sampler: x"]]}'
)

_IMAGE_MESSAGES = (
    b'{"width": 64, "height": 48, "mode": "RGB", "rotation_deg": 90, "mirrored": false, "not_looked_at": ["page 2"], '
    b'"shown_s": [0.1, 0.5]}',
    b'{"index": 1, "width": 64, "height": 48}',
    b'{"warnings": ["cut off"]}',
    b'{"status": "undecodable", "message": "damaged"}',
)


def _stored_result() -> bytes:
    scores = {"score": 0.982, "components": {"manipulated": 0.982, "generated": 0.0}}
    seen = {
        **{"time_s": 0.5, "frame": 3, "box": [10.0, 10.0, 100.0, 100.0], "landmarks": [[46.0, 50.2]] * 5},
        **{"detection_confidence": 0.99, "quality": 1.0, "logits": [4.0, -20.0], "score": 0.982},
        **{"frame_size": [256, 144], "turned_deg": 90, "hold": {"shown_s": 1.0, "weight": 2.0}, "refinement": True},
    }
    track = {"id": 1, "start_s": 0.5, "end_s": 1.5, "supported": True, "observations": [seen], **scores}
    facts = {"kind": "video", "container": "avi", "width": 256, "height": 144, "duration_s": 2.0, "time_base": "1/6"}
    lack = {"start_s": 0.0, "end_s": 0.25}
    return json.dumps(
        {
            **{"schema": SCHEMA, "status": "ok", "message": None, "verdict": "likely_fake", **scores},
            "score_kind": "calibrated",
            "thresholds": {"likely_fake": 0.7, "likely_real": 0.3, "operating_point": "an example"},
            "tracks": [track],
            "segments": [{"start_s": 0.5, "end_s": 1.5, "track": 1, "score": 0.982}],
            "input": {"path": "a.avi", "sha256": "0" * 64, "bytes": 9, "probe": facts, "confinement": ["seccomp"]},
            "model": {
                **{"name": "a", "weights_sha256": "0" * 64, "engine": "openvino", "precision": "f32"},
                **{"calibration_id": "a", "calibrated_on": "b", "detector": "mtcnn", "pooling": "track_max"},
            },
            "tool": {"name": "facewitness", "version": "0.1.0"},
            "sampling": {"plan": "adaptively", "frames": 1, "rounds": [1]},
            "timing_s": {"total": 1.25},
            "coverage": {
                **{"duration_s": 2.0, "seen": 1.0, "with_face": 1.0},
                **{"not_looked_at": [lack], "not_readable": [lack], "damaged": [lack]},
            },
            "warnings": ["an example"],
        }
    ).encode()


def _manifest_of_one() -> bytes:
    """Give the manifest of the shipped models, cut to the first."""
    return json.dumps({"models": json.loads(MANIFEST.read_bytes())["models"][:1]}).encode()


def _shard() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", b"no picture")
    return file.getvalue()


_PICTURES = {"a.jpg": b"", "b.jpg": b"", "a.mp4": b"", "b.mp4": b"", "real/a.jpg": b""}
_POINTS = b'"1,2 3,4 5,6 7,8 9,10"'
_TABLES = (
    b"path,label,split,family,clip,person,landmarks\na.jpg,fake,train,faceswap,c,anna," + _POINTS + b"\nb.jpg,0,,,,,\n",
    b"shard,file,split,label,source,landmarks,person\na.zip,a.jpg,train,real,x," + _POINTS + b",p\n",
    b",original_path,id,label,label_str,path\n0,x,1,1,real,train/real/1.jpg\n",
)
_SHARD_INDEX = b"shard,file,split,label,source,landmarks\nreal-00.zip,a.jpg,train,real,x,\n"
_CROPS = (
    b"file,label,split,family,source,clip,person,landmarks\na.jpg,real,,,s,c,'=p," + _POINTS + b"\nb.jpg,fake,,,,,,\n"
)
_DFDC = (
    b'{"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}, "b.mp4": {"label": "REAL", "split": "train"}}'
)
_PAIRS = b'[["000", "003"], ["004", "005"]]'
_FACEFORENSICS = {
    "original_sequences/youtube/c23/videos/000.mp4": b"",
    "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4": b"",
}
_CELEB = {"Celeb-real/id0_0000.mp4": b"", "Celeb-synthesis/id0_id1_0000.mp4": b""}
_CELEB_LIST = b"1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
_BENCH = {"rgb/a/b/0.png": b"", "rgb/a/c/0.png": b""}
_BENCH_LIST = (
    b'{"UADFV": {"UADFV_Real": {"train": {"b": {"label": "UADFV_Real", "frames": ["/x/a/b/0.png"]}}}, '
    b'"FF-DF": {"test": {"c23": {"000_003": {"label": "FF-DF", "frames": ["T:\\\\a\\\\c\\\\0.png"]}}}}}}'
)
_DEEPER = {"manipulated_videos/end_to_end/000_M101.mp4": b"", "source_videos/M101/a.mp4": b""}
_DEEPER |= {"lists/splits/val.txt": b"", "lists/splits/test.txt": b""}
_FAKEAV = {"RealVideo-RealAudio/A/men/id1/0.mp4": b"", "FakeVideo-FakeAudio/A/men/id1/1.mp4": b""}
_FAKEAV_TABLE = b"source,target1,target2,method,category,type,race,gender,path,\n" + (
    b"id1,-,-,real,A,RealVideo-RealAudio,A,men,0.mp4,x\nid1,id2,-,faceswap,D,FakeVideo-FakeAudio,A,men,1.mp4,x\n"
)
_EVAL_TABLE = b"Filename,Ground Truth,Finetuning Set\na.jpg,Real,train\nb.jpg,Fake,Test\nc.jpg,Unknown,test\n"
_KODF_FAKE = "변조영상_training_메타데이터.csv"
_KODF = {"원본영상_training_메타데이터.csv": "영상ID,UUID\na.mp4,x\n".encode(), "a.mp4": b"", "b.mp4": b""}
_KODF_TABLE = "영상ID,타겟영상,타겟UUID,소스UUID,변조모델\nb.mp4,a.mp4,x,y,dfl\n".encode()

TARGETS: dict[str, Target] = {
    "banner": Target(_banner, (_BANNER,)),
    "headers": Target(_headers, (_HEADERS,)),
    "frame_log": Target(_frame_log, (_FRAMES,)),
    "packets": Target(_packets, (_PACKETS,)),
    "image_message": Target(_image_message, _IMAGE_MESSAGES, changed_json),
    "bundle": Target(_bundle, (_made_bundle(),)),
    "provenance_message": Target(_provenance_message, (_PROVENANCE,), changed_json),
    "result": Target(_result, (_stored_result(),), changed_json),
    "manifest": Target(_manifest, (_manifest_of_one(),), changed_json),
    "csv_table": Target(partial(_data_set, "data.csv", _PICTURES, "data.csv"), _TABLES),
    "face_crops": Target(partial(_data_set, "faces.csv", {**_PICTURES, "faces.json": b"{}"}, ""), (_CROPS,)),
    "face_shards": Target(partial(_data_set, "real-00.zip", {"real.csv": _SHARD_INDEX}, ""), (_shard(),)),
    "dfdc": Target(partial(_data_set, "metadata.json", _PICTURES, ""), (_DFDC,), changed_json),
    "faceforensics": Target(partial(_data_set, "train.json", _FACEFORENSICS, ""), (_PAIRS,), changed_json),
    "celeb_df": Target(partial(_data_set, "List_of_testing_videos.txt", _CELEB, ""), (_CELEB_LIST,)),
    "deepfake_bench": Target(partial(_data_set, "dataset_json/a.json", _BENCH, ""), (_BENCH_LIST,), changed_json),
    "deeper_forensics": Target(partial(_data_set, "lists/splits/train.txt", _DEEPER, ""), (b"000_M101.mp4\n",)),
    "fakeavceleb": Target(partial(_data_set, "meta_data.csv", _FAKEAV, ""), (_FAKEAV_TABLE,)),
    "deepfake_eval_2024": Target(
        partial(_data_set, "image-metadata-publish.csv", {"image-data/a.jpg": b"", "image-data/b.jpg": b""}, ""),
        (_EVAL_TABLE,),
    ),
    "kodf": Target(partial(_data_set, _KODF_FAKE, _KODF, ""), (_KODF_TABLE,)),
}
"""What is parsed, by name: what decoders say, stored results, manifests of models, index files of data sets."""
