"""The Delta table of a dataset as its catalog has it: which files it names, in which columns and types."""

import hashlib
from collections.abc import Sequence

from server.adapters.delta.commit import delta_type, schema_text
from server.adapters.storage import layout
from server.kernel.fields import Field
from server.kernel.ids import Urn, name_of
from server.kernel.record import record
from server.mesh.rows.pieces import Piece


@record
class TableFile:
    """A file that the table names. `piece`: the batch's own file; `key` is another where that has other types."""

    piece: Piece
    key: str

    @property
    def is_copy(self) -> bool:
        """Whether the table names a copy in its own types."""
        return self.key != self.piece.key


@record
class Table:
    """The whole table. `fields`: its columns behind the system columns."""

    dataset: Urn
    fields: tuple[Field, ...]
    files: tuple[TableFile, ...]


def table_of(dataset: Urn, fields: tuple[Field, ...], pieces: Sequence[Piece]) -> Table:
    """The table with these columns over the files of the published batches.

    Most engines read a column in one type only, so a file that has it in another is named by a copy in the table's
    types. Its key says which types these are: the same need leads to the same copy.
    """
    kinds = {field.name: delta_type(field.data_type) for field in fields}
    form = hashlib.sha256(schema_text(fields).encode()).hexdigest()[:12]
    name = name_of(dataset)

    def named(piece: Piece) -> TableFile:
        had = {field.name: delta_type(field.data_type) for field in piece.fields}
        if all(kinds.get(column, kind) == kind for column, kind in had.items()):
            return TableFile(piece=piece, key=piece.key)
        return TableFile(piece=piece, key=layout.aligned(name, piece.made.batch, piece.made.attempt, form))

    return Table(dataset=dataset, fields=fields, files=tuple(named(piece) for piece in pieces))
