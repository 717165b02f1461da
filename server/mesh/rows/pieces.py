"""Pieces: the files of batches in one layer, and those of them that a compacted file holds together."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from server.adapters.storage import layout
from server.kernel.fields import Field
from server.kernel.ids import Urn, name_of
from server.kernel.layer import Layer
from server.kernel.record import record


class Made(NamedTuple):
    """Which file of a layer: that of a batch, by its bare id, from one attempt. Immutable, so its copies are too."""

    batch: str
    attempt: int


_KEYS = {Layer.BRONZE: layout.bronze, Layer.SILVER: layout.silver, Layer.GOLD: layout.gold}


@record
class Piece:
    """A batch's own file in a layer. `fields`: its columns; `size_bytes`: of what was appended, not of the file."""

    made: Made
    dataset: Urn
    layer: Layer
    fields: tuple[Field, ...]
    rows: int
    size_bytes: int

    @property
    def key(self) -> str:
        """Where it stands in storage."""
        return _KEYS[self.layer](name_of(self.dataset), self.made.batch, self.made.attempt)


@record
class CompactFile:
    """A copy of many batches' files. `copied`: what it holds, with the rows of each."""

    number: int
    dataset: Urn
    layer: Layer
    generation: int
    copied: dict[Made, int]
    size_bytes: int

    @property
    def key(self) -> str:
        """Where it stands in storage."""
        return layout.compact(name_of(self.dataset), self.layer.lower(), self.number)

    @property
    def rows(self) -> int:
        """All rows in it, those of batches that moved on included."""
        return sum(self.copied.values())


@record
class Stretch:
    """Rows to be read from one file. `batches`: bare ids of those that count; None: every row of the file.

    `holds`: bare ids of the batches that the rows belong to.
    """

    key: str
    fields: tuple[Field, ...]
    batches: tuple[str, ...] | None
    rows: int
    holds: tuple[str, ...]


def gathered(pieces: Sequence[Piece], files: Collection[CompactFile]) -> tuple[Stretch, ...]:
    """Where the rows of `pieces` are read: each once, from a compacted file that holds it, else from its own."""
    holder = {made: file for file in files for made in file.copied}
    together: dict[tuple[int, int], list[Piece]] = {}
    own: list[Stretch] = []
    shape = _Shapes()
    for piece in pieces:
        if (file := holder.get(piece.made)) is not None:
            together.setdefault((file.number, shape.of(piece.fields)), []).append(piece)
        else:
            batch = (piece.made.batch,)
            own.append(Stretch(key=piece.key, fields=piece.fields, batches=None, rows=piece.rows, holds=batch))
    return (*(_from_copy(holder[held[0].made], held) for held in together.values()), *own)


def _from_copy(file: CompactFile, held: Sequence[Piece]) -> Stretch:
    batches = tuple(piece.made.batch for piece in held)
    return Stretch(
        key=file.key,
        fields=held[0].fields,
        batches=None if len(held) == len(file.copied) else batches,
        rows=sum(piece.rows for piece in held),
        holds=batches,
    )


class _Shapes:
    """Numbers for columns, equal ones for equal ones. Thousands of pieces share an object: it is hashed once."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._numbers: dict[tuple[Field, ...], int] = {}

    def of(self, fields: tuple[Field, ...]) -> int:
        number = self._seen.get(id(fields))
        if number is None:
            number = self._seen[id(fields)] = self._numbers.setdefault(fields, len(self._numbers))
        return number
