"""What to merge: which files of one layer become which larger ones. Pure.

Files are merged by generations, as in a log-structured merge tree: own files into copies of the first generation,
enough of these into one of the second. A row is so written again once for each generation, and their number grows
with the logarithm of the number of files.
"""

from collections.abc import Iterator, Sequence

from server.kernel.fields import Field
from server.kernel.record import record
from server.mesh.rows.compact_files import Thresholds
from server.mesh.rows.pieces import CompactFile, Piece

MIB = 2**20
# Below 20 files a page costs less than twice what it costs from one; opening the hundredth costs like the first.
# 8 copies of a generation become one of the next: reads meet at most 7 of each.
THRESHOLDS = Thresholds(enough=20, rows=100_000, size_bytes=8 * MIB, generation_files=8)
FULL_BYTES = 128 * MIB  # one file that DuckDB reads with all threads, and that is copied in seconds
MOST_PIECES = 10_000  # in one file: the list of them is read with every page


@record
class Merge:
    """Files to be written as one. `pieces`: what counts of them; `files`: the copies that this one replaces."""

    pieces: tuple[Piece, ...]
    files: tuple[CompactFile, ...]
    generation: int

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns, which all pieces have in common."""
        return self.pieces[0].fields


@record
class Plan:
    """The merges to be done now, and the copies to be retired first since little in them counts any more."""

    merges: tuple[Merge, ...]
    stale: tuple[CompactFile, ...]

    def __bool__(self) -> bool:
        return bool(self.merges or self.stale)


def planned(pieces: Sequence[Piece], files: Sequence[CompactFile], above: Thresholds = THRESHOLDS) -> Plan:
    """What is to be done where `pieces` count now in one layer and `files` hold copies of some."""
    known = {piece.made: piece for piece in pieces}
    counting = {file.number: [known[made] for made in file.copied if made in known] for file in files}
    stale = tuple(file for file in files if 2 * _rows(counting[file.number]) < max(file.rows, 1))
    fresh = [file for file in files if file not in stale]
    held = {made for file in fresh for made in file.copied}
    merges = [
        Merge(pieces=tuple(part), files=(), generation=1)
        for group in _by_fields([piece for piece in pieces if piece.made not in held and _is_small(piece, above)])
        if len(group) >= above.enough
        for part in _parts(group)
        if len(part) > 1
    ]
    merges.extend(_next_generations(fresh, counting, above.generation_files))
    return Plan(merges=tuple(merges), stale=stale)


def _next_generations(fresh: Sequence[CompactFile], counting: dict[int, list[Piece]], together: int) -> Iterator[Merge]:
    alike: dict[tuple[int, tuple[Field, ...]], list[CompactFile]] = {}
    for file in fresh:
        counts = counting[file.number]
        if counts and file.size_bytes <= FULL_BYTES // together and len(file.copied) < MOST_PIECES:
            alike.setdefault((file.generation, counts[0].fields), []).append(file)
    for (generation, _), group in alike.items():
        for start in range(0, len(group) - together + 1, together):
            files = group[start : start + together]
            pieces = tuple(piece for file in files for piece in counting[file.number])
            yield Merge(pieces=pieces, files=tuple(files), generation=generation + 1)


def _by_fields(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    groups: dict[tuple[Field, ...], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(piece.fields, []).append(piece)
    yield from groups.values()


def _parts(group: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The group cut so that no part is larger than a full file."""
    part: list[Piece] = []
    size = 0
    for piece in group:
        if part and (size + piece.size_bytes > FULL_BYTES or len(part) == MOST_PIECES):
            yield part
            part, size = [], 0
        part.append(piece)
        size += piece.size_bytes
    if part:
        yield part


def _is_small(piece: Piece, above: Thresholds) -> bool:
    return piece.rows <= above.rows and piece.size_bytes <= above.size_bytes


def _rows(pieces: Sequence[Piece]) -> int:
    return sum(piece.rows for piece in pieces)
