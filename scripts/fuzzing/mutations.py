"""Damages files as transmission, disks, careless programs and attackers do, the same way each time for the same number.

mutant(seeds, seed=7, number=42).data
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from fuzzing.parts import Part, find_parts, with_checksums
from fuzzing.seeds import Seed

MOST_BYTES = 1 << 20
"""No mutant is larger than this."""

_STEPS = (1, 1, 1, 2, 2, 3, 4)
_HEADER_BYTES = 64
_FIELD_BYTES = (1, 2, 2, 4, 4, 4, 8)

Mutator = Callable[[bytes, bytes, Random], bytes]
"""Changes the first bytes; the second are of another file, to take from."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged file.

    Attributes:
        number: which one of its seed.
        kind: what it was before.
        ending: of its name.
        data: its bytes.
        steps: names of the mutators that made it, in order.
    """

    number: int
    kind: str
    ending: str
    data: bytes
    steps: tuple[str, ...]


def mutant(seeds: Sequence[Seed], seed: int, number: int) -> Mutant:
    """Make one mutant, which follows from the arguments alone.

    Args:
        seeds: valid files.
        seed: of all random choices.
        number: which mutant of this seed.
    """
    random = Random(f"{seed} {number}")
    base = seeds[number % len(seeds)]
    data, steps = mutated(base.data, [other.data for other in seeds], random)
    return Mutant(number, base.kind, base.ending, data, steps)


def mutated(data: bytes, donors: Sequence[bytes], random: Random) -> tuple[bytes, tuple[str, ...]]:
    """Change bytes in one to four steps.

    Args:
        data: what is to be changed.
        donors: other files, to take from.
        random: makes all choices.

    Returns:
        The changed bytes, and the names of the steps.
    """
    steps = random.choices(list(MUTATORS), k=random.choice(_STEPS))
    changed = data
    for name in steps:
        changed = MUTATORS[name](changed, random.choice(donors), random)[:MOST_BYTES]
    if changed == data:
        steps.append("flip bits")
        changed = _flip_bits(data, data, random)
    # Readers give up a chunk with a wrong checksum before they look into it.
    return (with_checksums(changed) if random.random() < 0.7 else changed), tuple(steps)


def _flip_bits(data: bytes, donor: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 4, 32)) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _change_bytes(data: bytes, donor: bytes, random: Random) -> bytes:
    part = _part(data, random)
    count = min(part.end - part.start, random.choice((1, 4, 16, 256)))
    place = random.randint(part.start, part.end - count)
    return data[:place] + random.randbytes(count) + data[place + count :]


def _zero_fill(data: bytes, donor: bytes, random: Random) -> bytes:
    part = _part(data, random)
    start, end = sorted(random.randint(part.start, part.end) for _ in range(2))
    return data[:start] + bytes([random.choice((0, 0, 0xFF))]) * (end - start) + data[end:]


def _truncate(data: bytes, donor: bytes, random: Random) -> bytes:
    part = _part(data, random)
    # Readers are careless at the ends of parts and within their headers.
    places = (part.start, part.end, part.start + random.randrange(12), random.randint(0, len(data)))
    return data[: random.choice(places)]


def _remove_part(data: bytes, donor: bytes, random: Random) -> bytes:
    part = _part(data, random)
    return data[: part.start] + data[part.end :]


def _repeat_part(data: bytes, donor: bytes, random: Random) -> bytes:
    part = _part(data, random)
    return data[: part.end] + data[part.start : part.end] * random.choice((1, 1, 2, 50)) + data[part.end :]


def _move_part(data: bytes, donor: bytes, random: Random) -> bytes:
    first, second = sorted((_part(data, random), _part(data, random)), key=lambda part: part.start)
    if second.start < first.end:  # one holds the other
        return data[: first.start] + data[second.start : second.end] + data[first.end :]
    between = data[first.end : second.start]
    swapped = data[second.start : second.end] + between + data[first.start : first.end]
    return data[: first.start] + swapped + data[second.end :]


def _take_part(data: bytes, donor: bytes, random: Random) -> bytes:
    mine, other = _part(data, random), _part(donor, random)
    taken = donor[other.start : other.end]
    return data[: mine.start] + taken + data[random.choice((mine.start, mine.end)) :]


def _set_size(data: bytes, donor: bytes, random: Random) -> bytes:
    sized = [part for part in find_parts(data) if part.size_bytes]
    if not sized:
        return _set_field(data, donor, random)
    part = random.choice(sized)
    value = _extreme(part.size_bytes, part.end - part.start, random).to_bytes(part.size_bytes, part.order)
    return data[: part.size_place] + value + data[part.size_place + part.size_bytes :]


def _set_field(data: bytes, donor: bytes, random: Random) -> bytes:
    part = _part(data, random)
    count = random.choice(_FIELD_BYTES)
    place = random.randint(part.start, max(part.start, min(part.end, part.start + _HEADER_BYTES) - count))
    value = _extreme(count, len(data), random).to_bytes(count, part.order)
    return data[:place] + value + data[place + count :]


def _change_magic(data: bytes, donor: bytes, random: Random) -> bytes:
    count = random.choice((4, 8, 12, 32, 64))
    return donor[:count] + data[random.choice((0, count)) :]


def _splice(data: bytes, donor: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))] + donor[random.randint(0, len(donor)) :]


MUTATORS: dict[str, Mutator] = {
    "flip bits": _flip_bits,
    "change bytes": _change_bytes,
    "zero fill": _zero_fill,
    "truncate": _truncate,
    "remove a part": _remove_part,
    "repeat a part": _repeat_part,
    "move a part": _move_part,
    "take a part": _take_part,
    "set a size": _set_size,
    "set a field": _set_field,
    "change magic": _change_magic,
    "splice": _splice,
}


def _part(data: bytes, random: Random) -> Part:
    return random.choice(find_parts(data) or [Part(0, 0)])


def _extreme(count: int, usual: int, random: Random) -> int:
    """Give an unsigned number of so many bytes on which readers stumble: at the edges, or just off the right one."""
    most = (1 << 8 * count) - 1
    half = 1 << 8 * count - 1
    edges = (0, 1, 2, 7, 8, half - 1, half, half + 1, most - 7, most - 1, most)
    near = (usual - 1, usual + 1, usual + 8, 2 * usual, 65535, 65536, 1 << 24, 1 << 28)
    return random.choice((*edges, *near)) & most
