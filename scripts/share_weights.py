"""Stores the numbers that several files of the shipped models hold only once.

    python scripts/share_weights.py

Run it after models were released. Nothing that is read changes, nor any hash in the manifest: a file that repeats
others becomes `NAME.parts` (`classifiers/file_parts.py`), and one that was stored so before is made anew.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import h5py
import numpy as np

from classifiers.file_parts import Copy, make_whole, read_file, write_parts
from classifiers.model_spec import MANIFEST, read_manifest

REPEATING = {
    "mobilenet_v2.keras": ("mobilenet_v2.bin",),
    "efficientnet_lite2.weights.bin": ("efficientnet_lite2_int8.bin", "efficientnet_lite2.npz"),
    "mobilenet_efficientnet_int8.bin": ("mobilenet_v2_int8.bin", "efficientnet_lite2_int8.bin"),
    "mobilenet_efficientnet.weights.bin": (
        "mobilenet_v2_int8.bin",
        "efficientnet_lite2_int8.bin",
        "mobilenet_v2.bin",
        "efficientnet_lite2.npz",
    ),
    "mobilenet_efficientnet.npz": ("mobilenet_v2.bin", "efficientnet_lite2.npz"),
    "inception_resnet_v2.weights.bin": (),
    "dinov2_small.npz": ("dinov2_small.weights.bin",),
}
"""Which files are stored as parts of which others; those are stored whole. One that repeats none is only packed."""

# Of shorter arrays the description takes as much room.
_FEW = 128


class Array(NamedTuple):
    """Where an array lies in a file."""

    offset: int
    shape: tuple[int, ...]
    itemsize: int

    def of(self, content: bytes) -> np.ndarray:
        """Read it, as unsigned integers and without axes of length 1."""
        array = np.frombuffer(content, f"u{self.itemsize}", math.prod(self.shape), self.offset)
        return array.reshape([side for side in self.shape if side > 1])


def share(folder: Path, name: str, sources: Iterable[str]) -> Path:
    """Write the parts of a file and remove the file.

    Args:
        folder: of all the files.
        name: of the file.
        sources: names of the files that it repeats, the likelier ones first.

    Returns:
        The file of the parts.

    Raises:
        OSError, ValueError: a file cannot be read or written, or is of no known kind.
    """
    make_whole(folder / name)
    content = (folder / name).read_bytes()
    known = [(source, read_file(folder / source)) for source in sources]
    pool = [(source, array, array.of(data)) for source, data in known for array in arrays_of(folder / source, data)]
    # Numbers that lie twice in a file are copied once.
    found = {array.offset: _closest(array, array.of(content), pool) for array in arrays_of(folder / name, content)}
    parts = write_parts(folder / name, content, [copy for copy in found.values() if copy])
    (folder / name).unlink()
    return parts


def _closest(array: Array, numbers: np.ndarray, pool: list[tuple[str, Array, np.ndarray]]) -> Copy | None:
    """Find the array that repeats most of the numbers, in any order of the axes."""
    best, least = None, numbers.size / 2
    for source, other, others in pool:
        if (
            other.itemsize != array.itemsize
            or others.size != numbers.size
            or sorted(others.shape) != sorted(numbers.shape)
        ):
            continue
        for axes in itertools.permutations(range(others.ndim)):
            turned = others.transpose(axes)
            if turned.shape == numbers.shape and (different := np.count_nonzero(turned != numbers)) < least:
                best, least = Copy(source, other.offset, others.shape, axes, array.itemsize, array.offset), different
        if not least:
            break
    return best


def arrays_of(path: Path, content: bytes) -> list[Array]:
    """Find the arrays of a file of weights, but for the smallest.

    Raises:
        OSError, ValueError: it is none of the kinds that are known, or there is no graph to it.
    """
    if path.suffix == ".keras":
        arrays = _of_keras(content)
    elif path.suffix == ".npz":
        arrays = _of_archive(content)
    else:
        arrays = _of_graph(path.with_name(path.name.replace(".weights.bin", ".bin")).with_suffix(".xml"))
    return [array for array in arrays if math.prod(array.shape) * array.itemsize >= _FEW]


def _of_graph(graph: Path) -> Iterator[Array]:
    sizes = {"f32": 4, "i8": 1, "u8": 1, "i32": 4, "i64": 8}
    for data in ElementTree.fromstring(graph.read_bytes()).iterfind("layers/layer[@type='Const']/data"):
        shape = tuple(int(side) for side in data.get("shape", "").split(",") if side.strip())
        yield Array(int(data.get("offset", "")), shape, sizes[data.get("element_type", "")])


def _of_archive(content: bytes) -> Iterator[Array]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                np.lib.format.read_magic(file)
                shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
                before = file.tell()
            if not in_columns:
                yield Array(_start(content, member) + before, shape, dtype.itemsize)


def _of_keras(content: bytes) -> list[Array]:
    found: list[Array] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = archive.getinfo("model.weights.h5")
        start = _start(content, member)
        with h5py.File(io.BytesIO(archive.read(member))) as weights:

            def note(name: str, dataset: object) -> None:
                if isinstance(dataset, h5py.Dataset) and (offset := dataset.id.get_offset()) is not None:
                    found.append(Array(start + offset, dataset.shape, dataset.dtype.itemsize))

            weights.visititems(note)
    return found


def _start(content: bytes, member: zipfile.ZipInfo) -> int:
    """Count the bytes before what a member of an archive holds; it must be stored as it is."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    name, extra = (int.from_bytes(content[member.header_offset + at :][:2], "little") for at in (26, 28))
    return member.header_offset + 30 + name + extra


def main() -> None:
    """Store the files of a folder so, those of the package if no other is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=MANIFEST.parent, help="of the files and the manifest")
    folder = parser.parse_args().folder
    for name, sources in REPEATING.items():
        parts = share(folder, name, sources)
        print(f"{parts.name}: {parts.stat().st_size} bytes")
    # Reading verifies the hashes.
    for model in read_manifest(folder / MANIFEST.name).values():
        for kind in model.files:
            model.read(kind)


if __name__ == "__main__":
    main()
