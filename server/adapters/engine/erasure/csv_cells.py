"""The cells of one CSV record, each where it stands: what must be known to change one and leave the others' bytes."""

from collections.abc import Iterator

from server.adapters.engine.csv.records import field_patterns
from server.kernel.record import record


@record
class CsvCell:
    """Bytes `start` to `stop` of the record, quotes included, and the text that they stand for."""

    start: int
    stop: int
    text: str
    quoted: bool

    def written(self, text: str) -> bytes:
        """Another text in this cell's place."""
        return ('"' + text.replace('"', '""') + '"' if self.quoted else text).encode()


def cells_in(octets: bytes, delimiter: str) -> Iterator[CsvCell]:
    """The cells of a record that can be read, its line end left out or not."""
    plain, quoted, _ = field_patterns(delimiter)
    cut = delimiter.encode()
    position = 0
    while True:
        in_quotes = octets[position : position + 1] == b'"'
        found = (quoted if in_quotes else plain).match(octets, position)
        assert found is not None, "the record was read before"
        content = found[1].replace(b'""', b'"') if in_quotes else found[1]
        yield CsvCell(start=position, stop=found.start(2), text=content.decode(), quoted=in_quotes)
        position = found.end()
        if found[2] != cut:
            return
