"""Records of CSV text, read exactly: slow, and the judge wherever the quick reading is in doubt.

The dialect is RFC 4180 with any of the three line ends. A quote inside an unquoted field is a plain character.
"""

import re
from functools import cache

from server.adapters.engine.ingest.block import MAX_REACH, MAX_RECORD, breaks_in
from server.kernel.errors import InvalidData
from server.kernel.record import record


@record
class Record:
    """One record and where it stands: bytes `start` to `stop`, the line end left out.

    A null value is an empty field without quotes. `reason` says why the record cannot be read; it has no values then.
    """

    start: int
    stop: int
    behind: int
    values: tuple[str | None, ...]
    reason: str | None = None


@record
class Syntax:
    """How the fields of one file are cut. `columns` None: any number of them.

    `null_values`: what a field without quotes may hold to be null, besides nothing.
    """

    delimiter: str
    columns: int | None
    null_values: tuple[str, ...] = ()

    def misfit(self, fields: int) -> str:
        """Why a record with that many fields cannot be read."""
        return f"the record has {fields} {'field' if fields == 1 else 'fields'}; the header has {self.columns}"


def read_records(text: bytes, syntax: Syntax, *, line: int, final: bool) -> tuple[list[Record], int]:
    """The complete records at the front of UTF-8 `text`, whose first line has the number `line`, and where they end.

    `final` says that nothing follows: then the last record needs no line end. A blank line is no record,
    except in a file of one column, where it is a null. Raises: InvalidData.
    """
    records: list[Record] = []
    position = 0
    while position < len(text):
        found = read_record(text, position, syntax, line, final)
        if found is None:
            break
        if found.stop > found.start or syntax.columns == 1:
            records.append(found)
        line += breaks_in(text[position : found.behind])
        position = found.behind
    return records, position


def out_of_reach(line: int) -> InvalidData:
    """The refusal of a record so long that it is no record, or that runs over lines without being one."""
    return InvalidData(
        f"the record that starts on line {line} does not end within the {MAX_RECORD} bytes that a record may have;"
        " look there for a quote that is not closed or a line end that is missing, and upload the file again",
        line=line,
    )


def read_record(text: bytes, start: int, syntax: Syntax, line: int, final: bool) -> Record | None:
    """The record at `start`, which stands on line `line`; None where it may go on behind the text."""
    plain, quoted, broken = field_patterns(syntax.delimiter)
    nulls = [text.encode() for text in ("", *syntax.null_values)]
    values: list[bytes | None] = []
    reason = None
    position = start
    while True:
        if text[position : position + 1] == b'"':
            found = quoted.match(text, position)
            values.append(found[1].replace(b'""', b'"') if found else None)
            if found is None:
                found = broken.match(text, position)
                opened = line + breaks_in(text[start:position])
                if found is None:
                    _refuse_if_last(len(text) - start, opened, final)
                    return None
                _refuse_if_spread(found[1], opened)
                reason = reason or f"text follows the closing quote of field {len(values)}"
        else:
            found = plain.match(text, position)
            assert found is not None, "a plain field may be empty, so it always matches"
            values.append(None if found[1] in nulls else found[1])
        position = found.end()
        if found[2] != syntax.delimiter.encode():
            break
    if not final and position == len(text) and found[2] in (b"", b"\r"):
        return None  # the record, or the LF of its CR LF, may go on in the next block
    stop = found.start(2)
    reason = reason or _misfit(text[start:stop], len(values), syntax, line)
    texts = () if reason else tuple(value if value is None else value.decode() for value in values)
    return Record(start=start, stop=stop, behind=position, values=texts, reason=reason)


@cache
def field_patterns(delimiter: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """A field without quotes, one in quotes, one in quotes with text behind; each with what ends it, as group 2."""
    cut = re.escape(delimiter).encode()
    end = rb"(" + cut + rb"|\r\n|\n|\r|\Z)"
    inside = rb'"([^"]*+(?:""[^"]*+)*+)"'  # possessive: no input makes it try twice
    rest = rb"[^" + cut + rb"\r\n]*+" if delimiter.isascii() else rb"(?:(?!" + cut + rb")[^\r\n])*+"
    return re.compile(rb"(" + rest + rb")" + end), re.compile(inside + end), re.compile(inside + rest + end)


def _refuse_if_last(reach: int, opened: int, final: bool) -> None:
    if final or reach > MAX_REACH:
        raise InvalidData(
            f'the quote that opens on line {opened} is never closed; close it, or write "" for a quote inside'
            " a quoted field, and upload the file again",
            line=opened,
        )


def _refuse_if_spread(inside: bytes, opened: int) -> None:
    """What runs over lines and then breaks off may have swallowed sound records, so no reading of it is safe."""
    if lines := breaks_in(inside):
        raise InvalidData(
            f"the quote that opens on line {opened} meets text behind its end on line {opened + lines}; close it where"
            ' the field ends, or write "" for a quote inside a quoted field, and upload the file again',
            line=opened,
        )


def _misfit(raw: bytes, found: int, syntax: Syntax, line: int) -> str | None:
    if len(raw) > MAX_RECORD:
        if len(raw) > MAX_REACH or breaks_in(raw):
            raise out_of_reach(line)
        return f"the record is {len(raw)} bytes long; {MAX_RECORD} are allowed"
    if syntax.columns is not None and found != syntax.columns and raw:
        return syntax.misfit(found)
    return None
