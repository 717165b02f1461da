"""The header of a CSV file: its delimiter, and which field of the schema stands in which column."""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

from server.adapters.engine.csv.records import Record, Syntax, read_record
from server.adapters.engine.ingest.block import MAX_RECORD, breaks_in
from server.adapters.engine.ingest.told_names import SHOWN, listed, names_only
from server.kernel.errors import InvalidData
from server.kernel.fields import Field, folded
from server.kernel.files import CsvOptions
from server.kernel.record import record

DELIMITERS = ",;\t|"  # the first whose header fits


@record
class Header:
    """`columns`: for each field of the schema, in its order, the column's place from 0, or None where it is missing.

    The first record starts at offset `behind`, after `lines` line ends.
    """

    syntax: Syntax
    columns: tuple[int | None, ...]
    behind: int
    lines: int


def read_header(
    text: bytes, fields: Sequence[Field], options: CsvOptions, ignored: Collection[str], *, final: bool
) -> Header | None:
    """The header at the front of `text`, None where more text is needed. Names are compared exactly, in NFC.

    `ignored`: names that may stand there beside those of the fields. Raises: InvalidData.
    """
    if text[:1] in (b"\r", b"\n"):
        raise InvalidData("line 1 is blank; the header with the names of the columns must stand on it")
    found = {delimiter: _first_record(text, delimiter, final) for delimiter in options.delimiter or DELIMITERS}
    if None in found.values():
        if len(text) > MAX_RECORD:
            raise InvalidData(f"line 1 is longer than the {MAX_RECORD} bytes that a header may have; is this CSV?")
        return None
    faults: list[_Fault] = []
    for delimiter, first in found.items():
        if isinstance(first, Record):
            names = [unicodedata.normalize("NFC", value or "") for value in first.values]
            fault = _fault(names, fields, ignored)
            if fault is None:
                syntax = Syntax(delimiter=delimiter, columns=len(names), null_values=options.null_values)
                return _header(names, fields, syntax, first, text)
            faults.append(fault)
    nearest = max(faults, key=lambda fault: fault.known, default=None)
    unreadable = [first for first in found.values() if isinstance(first, InvalidData)]
    if nearest is None or (nearest.known == 0 and unreadable and _kind(text) is None):
        raise unreadable[0]
    raise nearest.refusal(text, options.delimiter)


def _first_record(text: bytes, delimiter: str, final: bool) -> Record | InvalidData | None:
    try:
        first = read_record(text, 0, Syntax(delimiter=delimiter, columns=None), 1, final)
    except InvalidData as refusal:
        return refusal
    if first is not None and first.reason is not None:
        return InvalidData(f"the header on line 1 cannot be read: {first.reason}; mend it and upload the file again")
    return first


def _header(names: list[str], fields: Sequence[Field], syntax: Syntax, first: Record, text: bytes) -> Header:
    places = {name: place for place, name in enumerate(names)}
    return Header(
        syntax=syntax,
        columns=tuple(places.get(field.name) for field in fields),
        behind=first.behind,
        lines=breaks_in(text[: first.behind]),
    )


@record
class _Fault:
    """What keeps a header from fitting. `known` counts the names that the schema has too."""

    known: int
    missing: list[str]
    unknown: list[str]
    repeated: list[str]
    expected: list[str]

    def refusal(self, text: bytes, delimiter: str | None) -> InvalidData:
        if self.known == 0:
            cut = "" if delimiter is None else f", cut at {delimiter!r} as the contract's csv says,"
            # line 1 may be a row of data: none of it is repeated in the message
            return InvalidData(
                f"line 1{cut} {_kind(text) or 'names none of the columns'}; the file must be CSV with a header that"
                f" names {listed(self.expected)}: add it and upload the file again",
                missing=self.missing,
            )
        parts: list[str] = []
        repeated = [name for name in self.repeated if folded(name) in map(folded, self.expected)]
        if self.repeated:
            parts.append(f"names {listed(repeated) if repeated else 'something'} more than once")
        if self.unknown and self._tells_names():
            parts.append(f"names {listed(self.unknown)}, which the schema does not have{self._nearest()}")
        elif self.unknown:
            parts.append(f"holds {len(self.unknown)} cells that the schema has no column for")
        if self.missing:
            parts.append(f"lacks {listed(self.missing)}, which may not be null")
        return InvalidData(
            f"the header {' and '.join(parts)}; mend line 1 or evolve the schema, and upload the file again",
            missing=self.missing,
            unknown=self.unknown[:SHOWN] if self._tells_names() else [],
            repeated=repeated[:SHOWN],
        )

    def _tells_names(self) -> bool:
        """Whether no unknown cell looks like the value of a row that got into line 1: only names may be repeated."""
        return names_only(self.unknown)

    def _nearest(self) -> str:
        by_fold = {folded(name): name for name in self.expected}
        near = difflib.get_close_matches(folded(self.unknown[0]).strip(), by_fold, n=1)
        return f" (it has {by_fold[near[0]]!r})" if near else ""


def _fault(names: Sequence[str], fields: Sequence[Field], ignored: Collection[str]) -> _Fault | None:
    expected = [unicodedata.normalize("NFC", field.name) for field in fields]
    times = Counter(map(folded, names))
    repeated = [name for place, name in enumerate(names) if times[folded(name)] > 1 and name not in names[:place]]
    unknown = [name for name in dict.fromkeys(names) if name not in expected and name not in ignored]
    missing = [
        field.name for field, name in zip(fields, expected, strict=True) if not (field.nullable or name in names)
    ]
    if not (repeated or unknown or missing):
        return None
    known = len(set(names) & set(expected))
    return _Fault(known=known, missing=missing, unknown=unknown, repeated=repeated, expected=expected)


def _kind(text: bytes) -> str | None:
    """What the text is, where that is plain to see and not CSV."""
    start = text[:100].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is markup such as HTML"
    if start.startswith((b"{", b"[")):
        return "is JSON"
    return None
