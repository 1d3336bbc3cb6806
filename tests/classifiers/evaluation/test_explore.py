"""What a data set holds, and what gives its classes away."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from classifiers.datasets import DataError, PictureReader, Sample
from classifiers.datasets.leakage import find_leaks
from classifiers.errors import OutputError
from classifiers.evaluation.explore import Exploration, Spread, draw, explore
from classifiers.evaluation.explore_report import About, findings, write_report
from classifiers.evaluation.picture_facts import HISTOGRAM_BINS, VideoFacts, jpeg_quality, measure
from classifiers.evaluation.shortcuts import PROPERTIES, find_shortcuts
from tests.tiny_shards import FACE, FACE_LANDMARKS

PROPERTY = {wanted.key: wanted for wanted in PROPERTIES}


def picture(path: Path, image: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return path


def varied(number: int, side: int = 96) -> np.ndarray:
    """The face, moved and shaded by a number, in ways that no class has more of."""
    rng = np.random.default_rng(number)
    moved = np.roll(FACE, rng.integers(-20, 20, 2), axis=(0, 1))
    shaded = moved.astype(float) * rng.uniform(0.6, 1) + rng.normal(0, rng.uniform(1, 12), FACE.shape)
    return cv2.resize(np.clip(shaded, 0, 255).astype(np.uint8), (side, side))


@pytest.fixture(scope="module")
def fair(tmp_path_factory) -> list[Sample]:
    """Both classes are alike in everything."""
    folder = tmp_path_factory.mktemp("fair")
    return [
        Sample(
            picture(folder / f"{number}.jpg", varied(number, 80 + 8 * (number // 2 % 4)), quality=90),
            fake=bool(number % 2),
            split="train" if number < 30 else "test",
            landmarks=FACE_LANDMARKS,
        )
        for number in range(40)
    ]


@pytest.fixture(scope="module")
def biased(tmp_path_factory) -> list[Sample]:
    """Fakes are small PNG files, reals are larger JPEG files of two qualities."""
    folder = tmp_path_factory.mktemp("biased")
    reals = [
        Sample(picture(folder / f"r{n}.jpg", varied(n, 128), quality=(60, 95)[n % 2]), False, split="train", source="a")
        for n in range(8)
    ]
    fakes = [
        Sample(picture(folder / f"f{n}.png", varied(100 + n, 64)), True, split="train", family="gan", source="b")
        for n in range(6)
    ]
    return reals + fakes


def explored(samples: list[Sample], **options) -> Exploration:
    return explore(samples, PictureReader(), **options)


def test_properties_that_give_the_class_away_are_named_with_their_direction(biased):
    found = {shortcut.key: shortcut for shortcut in explored(biased).shortcuts}
    for key, higher in (("width", "real"), ("height", "real"), ("bits_per_pixel", "fake")):
        assert found[key].auc == 1.0
        assert (found[key].higher, found[key].warn) == (higher, True)
    assert (found["width"].real, found["width"].fake) == (128, 64)
    assert [key for key in found if key.startswith("format:")] == ["format:PNG"]
    assert (found["format:PNG"].auc, found["format:PNG"].real, found["format:PNG"].fake) == (1.0, 0.0, 100.0)
    assert "jpeg_quality" not in found, "no fake has one"


def test_a_fair_data_set_has_no_shortcut_by_size_or_format(fair):
    found = {shortcut.key: shortcut for shortcut in explored(fair).shortcuts}
    for key in ("width", "height", "jpeg_quality"):
        assert (found[key].auc, found[key].higher, found[key].warn) == (0.5, "", False)
    for shortcut in found.values():
        assert shortcut.low <= shortcut.auc <= shortcut.high
        assert (shortcut.reals, shortcut.fakes) == (20, 20)
    assert not any(key.startswith("format") for key in found)


def test_worst_shortcut_stands_first(biased):
    aucs = [shortcut.auc for shortcut in explored(biased).shortcuts]
    assert aucs == sorted(aucs, reverse=True)


def test_one_class_alone_has_no_shortcuts(biased):
    assert find_shortcuts(explored(biased[:8]).facts) == []


@pytest.mark.parametrize("quality", [10, 49, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("library", ["pillow", "opencv"])
def test_jpeg_quality_is_read_from_the_tables(quality, library):
    if library == "pillow":
        content = io.BytesIO()
        Image.fromarray(FACE).save(content, "jpeg", quality=quality)
        content = content.getvalue()
    else:
        content = cv2.imencode(".jpg", FACE, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
    assert jpeg_quality(Image.open(io.BytesIO(content)).quantization) == quality
    assert np.isnan(jpeg_quality({}))


def test_facts_of_a_picture(tmp_path):
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, :30] = (255, 0, 0)
    path = picture(tmp_path / "half.png", image)
    facts = measure(
        Sample(path, True, landmarks=np.float32([[10, 10], [40, 50], [0, 0], [0, 0], [0, 0]])), PictureReader()
    )
    assert (facts.width, facts.height, facts.format, facts.bytes) == (60, 40, "PNG", path.stat().st_size)
    assert facts.bits_per_pixel == pytest.approx(8 * path.stat().st_size / 2400)
    assert facts.eye_distance == pytest.approx(50)
    np.testing.assert_allclose(facts.pixels.channel_mean, [127.5, 0, 0])
    np.testing.assert_allclose(facts.pixels.channel_std, [127.5, 0, 0])
    assert facts.pixels.saturation == pytest.approx(0.5)
    assert facts.pixels.brightness == pytest.approx(76 / 2, abs=0.5)
    assert facts.pixels.histogram.shape == (3, HISTOGRAM_BINS)
    assert facts.pixels.histogram[0, [0, -1]].tolist() == [0.5, 0.5]
    assert facts.pixels.histogram[1:, 0].tolist() == [1, 1]


def test_blur_lowers_sharpness(tmp_path):
    reader = PictureReader()
    sharp = measure(Sample(picture(tmp_path / "sharp.png", FACE), True), reader)
    soft = measure(Sample(picture(tmp_path / "soft.png", cv2.GaussianBlur(FACE, (0, 0), 2)), True), reader)
    assert soft.pixels.sharpness < sharp.pixels.sharpness / 4


def test_damaged_pictures_are_listed_and_the_others_measured(fair, tmp_path):
    whole = fair[0].path.read_bytes()
    (tmp_path / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture")
    damaged = [Sample(tmp_path / name, True) for name in ("torn.jpg", "text.png", "gone.webp")]
    result = explored([*fair, *damaged])
    assert len(result.facts) == len(fair)
    assert [Path(name).name for name, _ in result.unreadable] == ["torn.jpg", "text.png", "gone.webp"]
    assert all(Path(name).name in reason for name, reason in result.unreadable)


def test_empty_data_set():
    with pytest.raises(DataError, match="empty"):
        explored([])


def test_videos_are_measured_by_their_containers(tmp_path):
    samples = [Sample(tmp_path / f"{n}.mp4", n > 2) for n in range(6)]
    result = explored(samples, probe=lambda path: VideoFacts("mp4 h264", 100 + int(path.stem), 50, 10_000, 20))
    assert [facts.width for facts in result.facts] == list(range(100, 106))
    assert result.facts[0].bits_per_pixel == pytest.approx(80_000 / (100 * 50 * 20))
    assert result.facts[0].pixels is None
    assert {s.key for s in result.shortcuts} == {"width", "height", "bytes", "bits_per_pixel"}
    unasked = explored(samples)
    assert (unasked.facts, unasked.unmeasured_videos) == ([], 6)


def test_draw_takes_half_of_each_class_and_fills_up_from_the_larger():
    samples = [Sample(Path(f"{n}.png"), fake=n >= 30) for n in range(40)]
    for size, reals, fakes in ((10, 5, 5), (30, 20, 10), (100, 30, 10), (11, 5, 6)):
        drawn = draw(samples, size)
        assert (sum(not s.fake for s in drawn), sum(s.fake for s in drawn)) == (reals, fakes)
        assert drawn == sorted(drawn, key=samples.index)
    assert draw(samples, 10) == draw(samples, 10)
    assert draw(samples, 10, seed=1) != draw(samples, 10)


def test_counts_are_of_the_whole_index_though_few_are_measured(biased):
    unsplit = Sample(Path("nowhere.png"), True, family="diffusion")
    result = explored([*biased, unsplit], sample_size=4)
    assert len(result.facts) + len(result.unreadable) == 4
    assert [(c.split, c.real, c.fake) for c in result.balance()] == [("train", 8, 6), ("", 0, 1)]
    assert result.families() == {"gan": 6, "diffusion": 1}


def test_spread():
    assert Spread.of(np.empty(0)) == Spread(0)
    spread = Spread.of(np.arange(101.0))
    figures = (spread.count, spread.mean, spread.minimum, spread.low, spread.median, spread.high, spread.maximum)
    assert figures == (101, 50, 0, 5, 50, 95, 100)


def texts(samples: list[Sample], level: str, **options) -> list[str]:
    leaks = find_leaks(samples, PictureReader())
    return [finding.text for finding in findings(explored(samples, **options), leaks) if finding.level == level]


def test_findings_of_a_biased_data_set(biased):
    warnings = " ".join(texts(biased, "warning"))
    assert "Width alone tells real from fake with an AUC of 1.00" in warnings
    assert "128 px for real and 64 px for fake" in warnings
    assert "0% of the real and 100% of the fake files" in warnings
    assert any("Only 8 real and 6 fake clips and stills" in text for text in texts(biased, "note"))


def test_findings_of_a_fair_data_set(fair):
    assert not [text for text in texts(fair, "warning") if re.search("Width|Height|JPEG|Format", text)]


def test_findings_name_imbalance_missing_classes_and_leaks(fair):
    fakes, reals = fair[1::2], fair[:1]
    assert any(
        "20.0 times as many fake as real" in text
        for text in texts([Sample(s.path, s.fake) for s in reals + fakes], "note")
    )
    assert "The split 'test' has no real samples." in texts(reals + fakes, "warning")
    assert "The data set names no splits." in texts([Sample(s.path, s.fake) for s in fair], "note")
    copied = [*fair, Sample(fair[0].path, False, split="test")]
    assert any("more than one split with equal bytes" in text for text in texts(copied, "warning"))
    videos = [Sample(Path("a.mp4"), True)]
    assert any("facewitness faces" in text for text in texts([*fair, *videos], "note"))


class Page(HTMLParser):
    """Collects what a page would fetch, its headings and its balance of tags."""

    VOID = frozenset(("meta", "img", "br", "link", "use", "path"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.headings: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture(scope="module")
def report(biased, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "out"
    strange = [*biased, Sample(biased[0].path, False, split="test", person="<b>&", landmarks=FACE_LANDMARKS)]
    reader = PictureReader()
    about = About("sets/<script>alert(1)</script>", "auto", "Facewitness 1")
    write_report(explored(strange), find_leaks(strange, reader), reader, about, folder)
    return folder


def test_page_is_whole_and_needs_no_network(report):
    text = (report / "explore.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert not re.search(r"url\((?!#)|@import|<script", text)
    assert page.headings == [
        "What to know before training",
        "Classes and splits",
        "Samples",
        "Shortcuts",
        "Sizes",
        "Compression",
        "Pixels",
        "Faces",
        "Duplicates and leakage",
        "All figures",
    ]
    assert """Content-Security-Policy" content="default-src 'none';""" in text
    assert "sets/&lt;script&gt;" in text
    assert text.count('class="warning"') >= 4


def test_drawings_on_the_page_take_its_colours(report):
    text = (report / "explore.html").read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(drawings) == 7
    for drawing in drawings:
        assert "currentColor" in drawing
        colours = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawing))
        assert colours == set(), "a colour of its own would vanish on a dark page"


def test_pictures_beside_the_page(report):
    names = {path.name for path in report.glob("*.png")}
    charts = {"balance", "shortcuts", "sizes", "compression", "light", "channels", "faces"}
    assert names == {f"{name}.png" for name in charts} | {"samples_real.png", "samples_fake.png"}
    for name in names:
        with Image.open(report / name) as image:
            image.load()
            assert image.width > 600


def test_numbers_beside_the_page(report):
    numbers = json.loads((report / "explore.json").read_text(), parse_constant=pytest.fail)
    assert numbers["schema"] == "facewitness/explore/1"
    assert (numbers["samples"], numbers["real"], numbers["fake"], numbers["measured"]) == (15, 9, 6, 15)
    width = numbers["properties"]["width"]
    assert (width["unit"], width["real"]["median"], width["fake"]["median"]) == ("px", 128, 64)
    assert numbers["properties"]["jpeg_quality"]["fake"] == {
        **dict.fromkeys(("mean", "std", "minimum", "low", "median", "high", "maximum")),
        "count": 0,
    }
    assert numbers["properties"]["jpeg_quality"]["real"]["minimum"] == 60
    assert sum(numbers["channels"]["real"]["red"]["histogram"]) == pytest.approx(1)
    assert numbers["formats"] == {"real": {"JPEG": 9}, "fake": {"PNG": 6}}
    assert numbers["sizes"][0] == {"width": 128, "height": 128, "real": 9, "fake": 0}
    assert numbers["leaks"]["equal_files"][0]["count"] == 2
    assert numbers["findings"][0]["level"] == "warning"


def test_report_that_cannot_be_written_is_one_sentence(fair, tmp_path):
    (tmp_path / "file").write_text("")
    reader = PictureReader()
    with pytest.raises(OutputError, match="cannot write the report"):
        write_report(
            explored(fair, sample_size=2),
            find_leaks(fair, reader),
            reader,
            About("", "", ""),
            tmp_path / "file" / "out",
        )


def test_videos_alone_make_a_page_without_pictures(tmp_path):
    samples = [Sample(tmp_path / f"{n}.mp4", n > 2) for n in range(6)]
    for sample in samples:
        sample.path.write_bytes(b"video" + sample.path.stem.encode())
    reader = PictureReader()
    for probe in (None, lambda path: VideoFacts("mp4 h264", 640, 360, 10_000 + int(path.stem), 20)):
        result = explored(samples, probe=probe)
        # The name of a folder may hold bytes that are no text.
        about = About("d\udcff", "auto", "t")
        page, *_ = write_report(result, find_leaks(samples, reader), reader, about, tmp_path / "out")
        assert r"d\udcff" in page.read_text(encoding="utf-8")
        headings = Page(page.read_text(encoding="utf-8")).headings
        assert "Samples" not in headings and "Pixels" not in headings
        assert ("Sizes" in headings) == (probe is not None)
