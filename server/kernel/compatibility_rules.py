"""Which changes of a schema break whom: one row for each kind of change."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from server.kernel.compatibility_changes import Change, ChangeKind, changes
from server.kernel.fields import Field
from server.kernel.record import record


class Compatibility(StrEnum):
    """Who must be able to read what, after the schema resolution of Avro: a nullable column has the default null.

    BACKWARD: new readers old data. FORWARD: old readers new data. FULL: both. NONE: nobody is promised anything.
    """

    FULL = "FULL"
    BACKWARD = "BACKWARD"
    FORWARD = "FORWARD"
    NONE = "NONE"


@record
class ChangeRule:
    """Why a change breaks a direction of reading; None where it does not.

    `consumers`: whether data that is published under the new schema breaks those who read it with care for columns
    that they know and no care for others.
    """

    backward: str | None = None
    forward: str | None = None
    consumers: bool = False


@record
class Break:
    """One thing that a change of schema breaks. `change` is a kind of change in words.

    `column` is empty where a rule about the whole batch is meant.
    """

    column: str
    change: str
    before: str | None
    after: str | None
    why: str

    def __str__(self) -> str:
        values = " to ".join(value for value in (self.before, self.after) if value)
        place = f"column {self.column!r}" if self.column else "the whole batch"
        return f"{place}: {self.change}{f' ({values})' if values else ''}, {self.why}"

    @property
    def details(self) -> dict[str, str | None]:
        """For a program."""
        return {
            "column": self.column,
            "change": self.change,
            "from": self.before,
            "to": self.after,
            "why": self.why,
        }


RULES: Mapping[ChangeKind, ChangeRule] = {
    ChangeKind.ADDED_NULLABLE: ChangeRule(),
    ChangeKind.ADDED_REQUIRED: ChangeRule(backward="old rows have no value for it"),
    ChangeKind.REMOVED_NULLABLE: ChangeRule(consumers=True),
    ChangeKind.REMOVED_REQUIRED: ChangeRule(forward="old readers need a value in new rows", consumers=True),
    ChangeKind.TYPE_WIDENED: ChangeRule(forward="not every new value has the old type"),
    ChangeKind.TYPE_NARROWED: ChangeRule(backward="not every old value has the new type", consumers=True),
    ChangeKind.INT_TO_SMALL_DECIMAL: ChangeRule(
        backward="not every old value has the new type", forward="not every new value has the old type"
    ),
    ChangeKind.TYPE_REPLACED: ChangeRule(
        backward="not every old value has the new type",
        forward="not every new value has the old type",
        consumers=True,
    ),
    ChangeKind.MADE_NULLABLE: ChangeRule(forward="old readers need a value in new rows", consumers=True),
    ChangeKind.MADE_REQUIRED: ChangeRule(backward="old rows may have no value for it"),
    ChangeKind.KEY_TIGHTENED: ChangeRule(backward="old rows may share a key"),
    ChangeKind.KEY_LOOSENED: ChangeRule(forward="new rows may share the old key"),
    ChangeKind.MARKED_PERSONAL: ChangeRule(),
    ChangeKind.UNMARKED_PERSONAL: ChangeRule(),
    ChangeKind.SUBJECT_KEY: ChangeRule(),
    ChangeKind.DESCRIPTION: ChangeRule(),
    ChangeKind.MOVED: ChangeRule(),
}
RULE_OF_CONTRACT = "rule of a contract no longer fits"


def breaks(old: Sequence[Field], new: Sequence[Field], mode: Compatibility) -> tuple[Break, ...]:
    """Everything that the change breaks in a mode, in the order of the columns."""
    found: list[Break] = []
    for change in changes(old, new):
        rule = RULES[change.kind]
        asked = {
            rule.backward: mode in (Compatibility.BACKWARD, Compatibility.FULL),
            rule.forward: mode in (Compatibility.FORWARD, Compatibility.FULL),
        }
        if whys := [why for why, counts in asked.items() if why is not None and counts]:
            found.append(_break(change, " and ".join(whys)))
    return tuple(found)


def breaks_for_consumers(old: Sequence[Field], new: Sequence[Field]) -> tuple[Break, ...]:
    """What the change breaks for those who read published data: the versions of data products rest on it."""
    return tuple(
        _break(change, "readers of published data count on it")
        for change in changes(old, new)
        if RULES[change.kind].consumers
    )


def break_of_contract(contract: str, column: str, rule: str, why: str) -> Break:
    """A rule of a contract that has no column in the new schema, or one that it does not fit."""
    return Break(column=column, change=RULE_OF_CONTRACT, before=f"contract {contract!r}: {rule}", after=None, why=why)


def told(found: Sequence[Break]) -> str:
    """Every break in one sentence."""
    return "; ".join(map(str, found))


def listed(found: Sequence[Break]) -> list[dict[str, Any]]:  # JSON
    """Every break for a program."""
    return [one.details for one in found]


def _break(change: Change, why: str) -> Break:
    other = change.renamed
    hint = f", probably renamed {'to' if change.after is None else 'from'} {other!r}" if other else ""
    return Break(
        column=change.column,
        change=f"{change.kind}{hint}",
        before=change.before,
        after=change.after,
        why=why,
    )
