"""Which change of a schema breaks whom: a case for each row of the table, and how old values are read."""

from dataclasses import replace

import pytest

from server.kernel.compatibility import Reading, is_readable, readable_as
from server.kernel.compatibility_changes import ChangeKind, changes, renames
from server.kernel.compatibility_rules import (
    RULES,
    Break,
    Compatibility,
    breaks,
    breaks_for_consumers,
    listed,
    told,
)
from server.kernel.fields import Field, TypeName, check_fields, parse_type

BACKWARD, FORWARD, FULL, NONE = (Compatibility[name] for name in ("BACKWARD", "FORWARD", "FULL", "NONE"))
KEEP = Field(name="keep", type="int", nullable=False)
A = Field(name="a", type="int")
KEY = replace(KEEP, primary_key=True)
A_KEY = Field(name="a", type="int", nullable=False, primary_key=True)
A_NEEDED = replace(A, nullable=False)

Schema = tuple[Field, ...]

CASES: dict[str, tuple[Schema, Schema, set[ChangeKind], set[Compatibility], bool]] = {
    "nullable column added": ((KEEP,), (KEEP, A), {ChangeKind.ADDED_NULLABLE}, set(), False),
    "required column added": ((KEEP,), (KEEP, A_NEEDED), {ChangeKind.ADDED_REQUIRED}, {BACKWARD}, False),
    "nullable column removed": ((KEEP, A), (KEEP,), {ChangeKind.REMOVED_NULLABLE}, set(), True),
    "required column removed": ((KEEP, A_NEEDED), (KEEP,), {ChangeKind.REMOVED_REQUIRED}, {FORWARD}, True),
    "nullable column renamed": (
        (KEEP, A),
        (KEEP, replace(A, name="b")),
        {ChangeKind.REMOVED_NULLABLE, ChangeKind.ADDED_NULLABLE},
        set(),
        True,
    ),
    "required column renamed": (
        (KEEP, A_NEEDED),
        (KEEP, replace(A_NEEDED, name="b")),
        {ChangeKind.REMOVED_REQUIRED, ChangeKind.ADDED_REQUIRED},
        {BACKWARD, FORWARD},
        True,
    ),
    "made nullable": ((A_NEEDED,), (A,), {ChangeKind.MADE_NULLABLE}, {FORWARD}, True),
    "made required": ((A,), (A_NEEDED,), {ChangeKind.MADE_REQUIRED}, {BACKWARD}, False),
    "key added": ((KEEP, A), (KEY, A), {ChangeKind.KEY_TIGHTENED}, {BACKWARD}, False),
    "key removed": ((KEY, A), (KEEP, A), {ChangeKind.KEY_LOOSENED}, {FORWARD}, False),
    "key with one column more": ((KEY, A_NEEDED), (KEY, A_KEY), {ChangeKind.KEY_LOOSENED}, {FORWARD}, False),
    "key with one column less": ((KEY, A_KEY), (KEY, A_NEEDED), {ChangeKind.KEY_TIGHTENED}, {BACKWARD}, False),
    "key of another column": (
        (KEY, A_NEEDED),
        (KEEP, A_KEY),
        {ChangeKind.KEY_TIGHTENED, ChangeKind.KEY_LOOSENED},
        {BACKWARD, FORWARD},
        False,
    ),
    "marked pii": ((A,), (replace(A, pii=True),), {ChangeKind.MARKED_PERSONAL}, set(), False),
    "pii mark taken off": ((replace(A, pii=True),), (A,), {ChangeKind.UNMARKED_PERSONAL}, set(), False),
    "subject key": ((A,), (replace(A, subject_key=True),), {ChangeKind.SUBJECT_KEY}, set(), False),
    "description": ((A,), (replace(A, description="x"),), {ChangeKind.DESCRIPTION}, set(), False),
    "order": ((KEEP, A), (A, KEEP), {ChangeKind.MOVED}, set(), False),
}

WIDENED, NARROWED = {ChangeKind.TYPE_WIDENED}, {ChangeKind.TYPE_NARROWED}
REPLACED, SMALL = {ChangeKind.TYPE_REPLACED}, {ChangeKind.INT_TO_SMALL_DECIMAL}
BOTH = {BACKWARD, FORWARD}

RETYPED: dict[tuple[str, str], tuple[set[ChangeKind], set[Compatibility], bool]] = {
    ("int", "float"): (WIDENED, {FORWARD}, False),
    ("int", "decimal"): (WIDENED, {FORWARD}, False),
    ("int", "decimal(19,0)"): (WIDENED, {FORWARD}, False),
    ("int", "decimal(10,2)"): (SMALL, BOTH, False),
    ("float", "int"): (NARROWED, {BACKWARD}, True),
    ("decimal", "int"): (NARROWED, {BACKWARD}, True),
    ("decimal(10,2)", "int"): (REPLACED, BOTH, True),
    ("float", "decimal"): (REPLACED, BOTH, True),
    ("decimal", "float"): (REPLACED, BOTH, True),
    ("decimal(10,2)", "decimal(12,2)"): (WIDENED, {FORWARD}, False),
    ("decimal(10,2)", "decimal(12,4)"): (WIDENED, {FORWARD}, False),
    ("decimal(10,2)", "decimal(10,4)"): (REPLACED, BOTH, True),
    ("decimal(12,2)", "decimal(10,2)"): (NARROWED, {BACKWARD}, True),
    ("decimal(12,4)", "decimal(10,2)"): (NARROWED, {BACKWARD}, True),
    ("date", "datetime"): (REPLACED, BOTH, True),
    ("datetime", "date"): (REPLACED, BOTH, True),
    ("int", "string"): (REPLACED, BOTH, True),
    ("string", "int"): (REPLACED, BOTH, True),
    ("json", "string"): (REPLACED, BOTH, True),
    ("string", "json"): (REPLACED, BOTH, True),
    ("boolean", "int"): (REPLACED, BOTH, True),
}
CASES |= {
    f"{old} to {new}": ((replace(A, type=old),), (replace(A, type=new),), *expected)
    for (old, new), expected in RETYPED.items()
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_breaks_the_modes_that_the_table_says(case: str) -> None:
    old, new, kinds, broken, consumers = CASES[case]
    assert {change.kind for change in changes(old, new)} == kinds
    expected = broken | ({FULL} if broken else set())
    assert {mode for mode in Compatibility if breaks(old, new, mode)} == expected
    assert bool(breaks_for_consumers(old, new)) == consumers


def test_every_row_of_the_table_has_a_case() -> None:
    assert {kind for case in CASES.values() for kind in case[2]} == set(ChangeKind) == set(RULES)


def test_nothing_differs_between_equal_schemas() -> None:
    assert changes((KEY, A), (KEY, A)) == ()


def test_every_break_is_named_with_what_was_and_what_is() -> None:
    old = check_fields([Field(name="id", type="int", nullable=False), Field(name="spent", type="decimal(10,2)")])
    new = check_fields([Field(name="spent", type="string"), Field(name="town", type="string", nullable=False)])
    assert breaks(old, new, FULL) == (
        Break(
            column="id",
            change="required column removed",
            before="int, required",
            after=None,
            why="old readers need a value in new rows",
        ),
        Break(
            column="spent",
            change="type replaced",
            before="decimal(10,2)",
            after="string",
            why="not every old value has the new type and not every new value has the old type",
        ),
        Break(
            column="town",
            change="required column added",
            before=None,
            after="string, required",
            why="old rows have no value for it",
        ),
    )
    assert told(breaks(old, new, BACKWARD)) == (
        "column 'spent': type replaced (decimal(10,2) to string), not every old value has the new type;"
        " column 'town': required column added (string, required), old rows have no value for it"
    )
    assert listed(breaks(old, new, FORWARD))[0] == {
        "column": "id",
        "change": "required column removed",
        "from": "int, required",
        "to": None,
        "why": "old readers need a value in new rows",
    }


def test_a_probable_rename_is_named_on_both_sides() -> None:
    old, new = (KEEP, replace(A_NEEDED, name="e-mail")), (replace(A_NEEDED, name="email"), KEEP)
    assert [one.change for one in breaks(old, new, FULL)] == [
        "required column removed, probably renamed to 'email'",
        "required column added, probably renamed from 'e-mail'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((A,), (replace(A, name="zzz"),), {"a": "zzz"}),
        ((A,), (replace(A, name="zzz", type="string"),), {}),
        ((KEEP, replace(A, name="amount")), (replace(A, name="amounts"), KEEP), {"amount": "amounts"}),
        ((KEEP, replace(A, name="amount")), (replace(A, name="xyz"), KEEP), {}),
        ((replace(A, name="Email"),), (replace(A, name="x"), replace(A, name="email")), {"Email": "x"}),
        ((A, KEEP), (KEEP, replace(A, name="b"), replace(A, name="c")), {}),
    ],
)
def test_a_rename_has_the_same_type_and_a_name_or_a_place_alike(
    old: Schema, new: Schema, expected: dict[str, str]
) -> None:
    assert renames(old, new) == expected


def test_two_thousand_other_columns_are_compared_by_their_place_alone() -> None:
    old = tuple(Field(name=f"a{number}", type="int") for number in range(2_000))
    new = tuple(Field(name=f"b{number}", type="int") for number in range(2_000))
    assert renames(old, new) == {f"a{number}": f"b{number}" for number in range(2_000)}


@pytest.mark.parametrize(
    ("old", "new", "reading"),
    [
        ("decimal(10,2)", "decimal(10,2)", Reading.SAME),
        ("decimal", "decimal(38,9)", Reading.SAME),
        ("int", "float", Reading.WIDENED),
        ("int", "decimal(19,0)", Reading.WIDENED),
        ("int", "decimal(20,2)", Reading.TRIED),
        ("decimal(10,2)", "decimal(12,4)", Reading.WIDENED),
        ("decimal(10,2)", "decimal(12,5)", Reading.TRIED),
        ("decimal(10,2)", "decimal(10,1)", Reading.TRIED),
        ("float", "decimal", Reading.TRIED),
        ("date", "datetime", Reading.TRIED),
        ("string", "json", Reading.TRIED),
        ("json", "string", Reading.TEXT),
        ("datetime", "string", Reading.TEXT),
    ],
)
def test_old_values_are_read_as_the_table_says(old: str, new: str, reading: Reading) -> None:
    assert readable_as(parse_type(old), parse_type(new)) is reading


@pytest.mark.parametrize("name", TypeName)
def test_a_type_is_read_as_itself_and_written_as_text(name: TypeName) -> None:
    kind = parse_type(name)
    assert readable_as(kind, kind) is Reading.SAME
    text = Reading.SAME if name is TypeName.STRING else Reading.TEXT
    assert readable_as(kind, parse_type("string")) is text


def test_what_is_readable_in_two_steps_is_readable_in_one() -> None:
    texts = ["int", "float", "decimal", "decimal(10,2)", "decimal(19,0)", "decimal(38,0)", "string", "json", "date"]
    kinds = [parse_type(text) for text in texts]
    steps = [(one, two, three) for one in kinds for two in kinds for three in kinds]
    assert all(is_readable(a, c) for a, b, c in steps if is_readable(a, b) and is_readable(b, c))
