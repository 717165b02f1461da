"""What differs between two schemas, column by column."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum

from server.kernel.compatibility import is_readable
from server.kernel.fields import Field, TypeName, folded
from server.kernel.record import record

ALIKE = 0.6  # of two names, as difflib measures; the bound that it takes for close matches itself
MAX_COMPARED = 400  # pairs of names; beyond that only the place tells a rename
COMPARED_NAME = 40  # characters


class ChangeKind(StrEnum):
    """How a column changed. A rename is a column removed and one added."""

    ADDED_NULLABLE = "nullable column added"
    ADDED_REQUIRED = "required column added"
    REMOVED_NULLABLE = "nullable column removed"
    REMOVED_REQUIRED = "required column removed"
    TYPE_WIDENED = "type widened"
    TYPE_NARROWED = "type narrowed"
    INT_TO_SMALL_DECIMAL = "int made a decimal that cannot hold every int"
    TYPE_REPLACED = "type replaced"
    MADE_NULLABLE = "made nullable"
    MADE_REQUIRED = "made required"
    KEY_TIGHTENED = "primary key tightened"
    KEY_LOOSENED = "primary key loosened"
    MARKED_PERSONAL = "marked pii"
    UNMARKED_PERSONAL = "pii mark taken off"
    SUBJECT_KEY = "subjectKey changed"
    DESCRIPTION = "description changed"
    MOVED = "moved to another place"


@record
class Change:
    """One difference. `renamed`: the other name of a column that was probably renamed."""

    column: str
    kind: ChangeKind
    before: str | None
    after: str | None
    renamed: str | None = None


def changes(old: Sequence[Field], new: Sequence[Field]) -> tuple[Change, ...]:
    """Every difference, in the order of the old columns and then of the new ones. Both are canonical."""
    before, after = {field.name: field for field in old}, {field.name: field for field in new}
    renamed = renames(old, new)
    back = {name: origin for origin, name in renamed.items()}
    found: list[Change] = []
    for field in old:
        if (now := after.get(field.name)) is None:
            kind = ChangeKind.REMOVED_NULLABLE if field.nullable else ChangeKind.REMOVED_REQUIRED
            found.append(_change(field.name, kind, _said(field), None, renamed.get(field.name)))
        else:
            found += _differences(field, now)
    for field in new:
        if field.name not in before:
            kind = ChangeKind.ADDED_NULLABLE if field.nullable else ChangeKind.ADDED_REQUIRED
            found.append(_change(field.name, kind, None, _said(field), back.get(field.name)))
    return (*found, *_key_changes(old, new), *_moved(old, new))


def renames(old: Sequence[Field], new: Sequence[Field]) -> Mapping[str, str]:
    """Columns that went and the new ones that they probably are: of the same type, alike in name or in place."""
    kept = {field.name for field in old} & {field.name for field in new}
    gone = [(place, field) for place, field in enumerate(old) if field.name not in kept]
    come = {place: field for place, field in enumerate(new) if field.name not in kept}
    by_name = len(gone) * len(come) <= MAX_COMPARED
    pairs = sorted(
        (
            (likeness, -there, -here, origin.name, come[there].name)
            for here, origin in gone
            for there in (come if by_name else come.keys() & {here})
            if origin.type == come[there].type and (likeness := _likeness(origin, come[there], here == there))
        ),
        reverse=True,
    )
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, _, origin_name, name in pairs:
        if origin_name not in found and name not in taken:
            found[origin_name] = name
            taken.add(name)
    return found


def _likeness(old: Field, new: Field, same_place: bool) -> float:
    """How sure a rename is, from 0 to 2: 0 for none."""
    one, other = folded(old.name)[:COMPARED_NAME], folded(new.name)[:COMPARED_NAME]
    matcher = SequenceMatcher(None, one, other)
    ratio = matcher.ratio() if matcher.quick_ratio() >= ALIKE else 0
    return (ratio if ratio >= ALIKE else 0) + (1 if same_place else 0)


def _differences(old: Field, new: Field) -> list[Change]:
    name = old.name
    found: list[Change] = []
    if old.type != new.type:
        found.append(_change(name, _retyped(old, new), old.type, new.type))
    if old.nullable != new.nullable:
        kind = ChangeKind.MADE_NULLABLE if new.nullable else ChangeKind.MADE_REQUIRED
        found.append(_change(name, kind, _need(old), _need(new)))
    if old.pii != new.pii:
        kind = ChangeKind.MARKED_PERSONAL if new.pii else ChangeKind.UNMARKED_PERSONAL
        found.append(_change(name, kind, _flag(old.pii, "pii"), _flag(new.pii, "pii")))
    if old.subject_key != new.subject_key:
        was, now = _flag(old.subject_key, "subjectKey"), _flag(new.subject_key, "subjectKey")
        found.append(_change(name, ChangeKind.SUBJECT_KEY, was, now))
    if old.description != new.description:
        found.append(_change(name, ChangeKind.DESCRIPTION, old.description, new.description))
    return found


def _retyped(old: Field, new: Field) -> ChangeKind:
    if is_readable(old.data_type, new.data_type):
        return ChangeKind.TYPE_WIDENED
    if is_readable(new.data_type, old.data_type):
        return ChangeKind.TYPE_NARROWED
    if (old.data_type.name, new.data_type.name) == (TypeName.INT, TypeName.DECIMAL):
        return ChangeKind.INT_TO_SMALL_DECIMAL
    return ChangeKind.TYPE_REPLACED


def _key_changes(old: Sequence[Field], new: Sequence[Field]) -> list[Change]:
    """The key as a whole: rows that differ in (a) differ in (a, b) too, not the other way round."""
    was = [field.name for field in old if field.primary_key]
    now = [field.name for field in new if field.primary_key]
    kinds = []
    if not _promised(was, now):
        kinds.append(ChangeKind.KEY_TIGHTENED)
    if not _promised(now, was):
        kinds.append(ChangeKind.KEY_LOOSENED)
    before, after = (", ".join(names) or None for names in (was, now))
    return [_change(after or before or "", kind, before, after) for kind in kinds]


def _promised(given: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether rows that differ in the key `given` differ in the key `wanted`."""
    return not wanted or (bool(given) and set(given) <= set(wanted))


def _moved(old: Sequence[Field], new: Sequence[Field]) -> list[Change]:
    """Columns that both have and that stand in another order among themselves."""
    names = {field.name for field in old} & {field.name for field in new}
    was = [field.name for field in old if field.name in names]
    now = [field.name for field in new if field.name in names]
    places = {name: place for place, name in enumerate(was, 1)}
    return [
        _change(name, ChangeKind.MOVED, f"place {places[name]}", f"place {place}")
        for place, name in enumerate(now, 1)
        if places[name] != place
    ]


def _change(column: str, kind: ChangeKind, before: str | None, after: str | None, renamed: str | None = None) -> Change:
    return Change(column=column, kind=kind, before=before, after=after, renamed=renamed)


def _said(field: Field) -> str:
    return f"{field.type}, {_need(field)}"


def _need(field: Field) -> str:
    return "nullable" if field.nullable else "required"


def _flag(set_: bool, name: str) -> str | None:
    return name if set_ else None
