"""Reports: the figures of any period, seen from any position, are those of a count by hand."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.store.listing import At
from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.ids import Urn
from server.mesh.compliance.period import Period, Reach
from server.mesh.compliance.report import AccessBy, Accesses, Figures, Reports
from server.mesh.lake.facts import (
    AccessAudited,
    DatasetIngested,
    DeletionOverdue,
    GDPRDeletionCompleted,
    GDPRDeletionHeld,
    GDPRDeletionRejected,
    GDPRDeletionReleased,
    GDPRDeletionRequested,
)
from tests.mesh.compliance.histories import (
    EU,
    START,
    US,
    Past,
    dataset,
    decided,
    ingested,
    lake,
    read,
    recorded,
    requested,
)
from tests.mesh.projected import ReadTables

BEGINNING = [lake(EU), lake(US), dataset("a"), dataset("b"), dataset("c")]
STATUSES: dict[type, str] = {
    GDPRDeletionRequested: "PENDING",
    GDPRDeletionHeld: "HELD",
    GDPRDeletionReleased: "PENDING",
    DeletionOverdue: "OVERDUE",
    GDPRDeletionRejected: "REJECTED",
    GDPRDeletionCompleted: "COMPLETED",
}
NEXT: dict[str, list[type]] = {
    "PENDING": [GDPRDeletionHeld, DeletionOverdue, GDPRDeletionRejected, GDPRDeletionCompleted],
    "HELD": [GDPRDeletionReleased, GDPRDeletionRejected],
    "OVERDUE": [GDPRDeletionRejected, GDPRDeletionCompleted],
}


def second(number: int) -> datetime:
    return START + timedelta(seconds=number)


def reports(tables: ReadTables) -> Reports:
    return Reports(cast(asyncpg.Pool, tables.connection))


def asked(tables: ReadTables, history: Sequence[Past], work: Callable[[], Awaitable[Any]]) -> Any:
    """What `work` answers while the history stands."""

    async def answer() -> Any:
        async with recorded(tables.connection, history):
            return await work()

    return tables.runner.run(answer())


@st.composite
def histories(draw: st.DrawFn) -> list[Past]:
    """What could have happened: several events may share an instant."""
    past, clock, within, open_ = list(BEGINNING), 0, dict[str, Urn](), dict[str, tuple[Urn, str]]()
    for _ in range(draw(st.integers(0, 25))):
        clock += draw(st.integers(0, 2))
        match draw(st.sampled_from(["ingest", "request", "decide", "read", "read"])):
            case "ingest":
                name, into = draw(st.sampled_from("abc")), draw(st.sampled_from([EU, US]))
                pii = draw(st.booleans()) or any(
                    isinstance(one.event, DatasetIngested)
                    and one.event.dataset == f"dataset:{name}"
                    and one.event.contains_pii
                    for one in past
                )
                into = within.setdefault(name, into)
                past.append(ingested(into, name, pii, clock))
            case "request":
                of, name = draw(st.sampled_from([EU, US])), f"d{len(open_)}"
                open_[name] = (of, "PENDING")
                past.append(requested(of, name, clock))
            case "decide" if choices := [name for name, (_, status) in open_.items() if status in NEXT]:
                name = draw(st.sampled_from(choices))
                of, status = open_[name]
                kind = draw(st.sampled_from(NEXT[status]))
                was_overdue = any(
                    isinstance(one.event, DeletionOverdue) and one.event.deletion == f"deletion:{name}" for one in past
                )
                after = "OVERDUE" if kind is GDPRDeletionReleased and was_overdue else STATUSES[kind]
                open_[name] = (of, after)
                past.append(decided(of, name, kind, clock))
            case "read" if within:
                name = draw(st.sampled_from(sorted(within)))
                past.append(read(within[name], name, draw(st.sampled_from(["ann", "bob", "Eve"])), clock))
            case _:
                continue
    return past


def by_hand(of: Urn, history: Sequence[Past], position: int, period: Period) -> tuple[dict[str, Any], Counter[str]]:
    """The figures of a lake, and how often each of its datasets was read, counted event by event."""
    known = [one for one in history[:position] if period.to is None or one.at <= period.to]
    fresh = [one.event for one in known if one.stream == of and (period.since is None or one.at >= period.since)]
    datasets: dict[str, bool] = {}
    asked_at: dict[str, datetime] = {}
    status: dict[str, str] = {}
    late: set[str] = set()
    taken: list[float] = []
    for one in (one for one in known if one.stream == of):
        event: Any = one.event
        kind, deletion = type(event), getattr(event, "deletion", "")
        if kind is DatasetIngested:
            datasets[event.dataset] = bool(event.contains_pii)
        if kind is GDPRDeletionRequested:
            asked_at[deletion] = event.deadline - timedelta(days=30)
        if kind is DeletionOverdue:
            late.add(deletion)
        if kind in STATUSES:
            status[deletion] = "OVERDUE" if kind is GDPRDeletionReleased and deletion in late else STATUSES[kind]
        if kind is GDPRDeletionCompleted and event in fresh:
            taken.append((one.at - asked_at[deletion]).total_seconds() / 3600)
    kinds = Counter(type(event) for event in fresh)
    standing = Counter(status.values())
    return {
        "datasets": len(datasets),
        "datasets_with_pii": sum(datasets.values()),
        "requested": kinds[GDPRDeletionRequested],
        "completed": kinds[GDPRDeletionCompleted],
        "rejected": kinds[GDPRDeletionRejected],
        "pending": standing["PENDING"],
        "overdue": standing["OVERDUE"],
        "held": standing["HELD"],
        "average_completion_hours": pytest.approx(sum(taken) / len(taken)) if taken else None,
        "access_events": kinds[AccessAudited],
    }, Counter(event.dataset for event in fresh if isinstance(event, AccessAudited))


def counted(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in Figures.__dataclass_fields__ if name != "reach"}


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_report_is_what_a_count_by_hand_finds(read_tables: ReadTables, data: st.DataObject) -> None:
    history = data.draw(histories())
    bounds = data.draw(st.lists(st.integers(-1, history[-1].second + 1), max_size=2).map(sorted))
    period = Period(since=second(bounds[0]) if bounds else None, to=second(bounds[1]) if len(bounds) == 2 else None)
    position = data.draw(st.integers(len(BEGINNING), len(history)))
    if period.since is not None and period.since > history[position - 1].at:
        period = Period(to=period.to)
    eu, us = At(EU, position), At(US, position)
    found = asked(read_tables, history, lambda: reports(read_tables).figures(period, [eu, us]))
    most = asked(read_tables, history, lambda: reports(read_tables).most(AccessBy.DATASET, 500, period, [eu, us]))
    for at in (eu, us):
        figures, reads = by_hand(Urn(at.id), history, position, period)
        assert counted(found[at]) == figures
        assert [(one.key, one.count) for one in most[at]] == sorted(reads.items(), key=lambda item: (-item[1], item[0]))


@pytest.mark.parametrize(
    ("since", "to", "ended"),
    [(1, 2, (2, 0, 1)), (2, 2, (0, 0, 1)), (3, 3, (0, 1, 0)), (4, 9, (0, 0, 0)), (None, None, (2, 1, 1))],
)
def test_what_ended_counts_in_the_period_of_its_end_alone(
    read_tables: ReadTables, since: int | None, to: int | None, ended: tuple[int, int, int]
) -> None:
    history = [
        *BEGINNING,
        requested(EU, "d0", 1),
        requested(EU, "d1", 1),
        decided(EU, "d0", GDPRDeletionRejected, 2),
        decided(EU, "d1", GDPRDeletionCompleted, 3),
        read(EU, "a", "ann", 9),
    ]
    period = Period(since=None if since is None else second(since), to=None if to is None else second(to))
    figures = partial(reports(read_tables).figures, period, [At(EU, len(history))])
    (found,) = asked(read_tables, history, figures).values()
    assert (found.requested, found.completed, found.rejected) == ended
    assert (found.average_completion_hours is None) is (found.completed == 0)


def test_lists_who_read_most_first_then_by_name_and_no_more_than_asked(read_tables: ReadTables) -> None:
    names = ["bob", "ann", "Zoe", "bob", "eve", "eve", "eve", "dan", "Cid", "ben", "Abe", "lou", "Kim"]
    history = [*BEGINNING, ingested(EU, "a", True, 1), *(read(EU, "a", name, 2) for name in names)]
    lakes = [At(EU, len(history)), At(US, len(history))]
    most = partial(reports(read_tables).most, AccessBy.ACCESSOR, 4, Period(), lakes)
    assert asked(read_tables, history, most) == {
        At(EU, len(history)): [
            Accesses(key="eve", count=3),
            Accesses(key="bob", count=2),
            Accesses(key="Abe", count=1),
            Accesses(key="Cid", count=1),
        ],
        At(US, len(history)): [],
    }


@pytest.mark.parametrize(("first", "refusal"), [(-1, BadUserInput), (501, LimitExceeded)])
def test_refuses_lists_of_no_length(read_tables: ReadTables, first: int, refusal: type[Exception]) -> None:
    most = partial(reports(read_tables).most, AccessBy.ACCESSOR, first, Period(), [At(EU, 5)])
    with pytest.raises(refusal):
        asked(read_tables, BEGINNING, most)


def reached(tables: ReadTables, position: int, since: int | None = None, to: int | None = None) -> Reach:
    """The reach of a period, in seconds after START, of a log with events at the seconds 0, 10 and 20."""
    history = [lake(EU, 0), dataset("a", 10), dataset("b", 20)]
    period = Period(since=None if since is None else second(since), to=None if to is None else second(to))
    (figures,) = asked(tables, history, lambda: reports(tables).figures(period, [At(EU, position)])).values()
    found: Reach = figures.reach
    return found


def test_a_period_includes_both_its_ends(read_tables: ReadTables) -> None:
    assert reached(read_tables, 3, 10, 20) == Reach(after=1, upto=3, to=second(20))
    assert reached(read_tables, 3, 11, 19) == Reach(after=2, upto=2, to=second(19))
    assert reached(read_tables, 3, -5, -1) == Reach(after=0, upto=0, to=second(-1))


def test_a_period_ends_with_what_its_position_knows(read_tables: ReadTables) -> None:
    assert reached(read_tables, 2) == Reach(after=0, upto=2, to=second(10))
    assert reached(read_tables, 2, to=19) == Reach(after=0, upto=2, to=second(19))
    assert reached(read_tables, 2, to=25) == Reach(after=0, upto=2, to=second(10))
    assert reached(read_tables, 3, to=25) == Reach(after=0, upto=3, to=second(25))


def test_a_quiet_time_has_a_report(read_tables: ReadTables) -> None:
    assert reached(read_tables, 2, 15) == Reach(after=2, upto=2, to=second(15))
    assert reached(read_tables, 3, 30) == Reach(after=3, upto=3, to=second(30))


def test_refuses_a_period_that_ends_before_it_begins(read_tables: ReadTables) -> None:
    told = "from 2026-01-01T00:00:15\\+00:00 lies after 2026-01-01T00:00:12\\+00:00, where the period ends; give"
    with pytest.raises(BadUserInput, match=told):
        reached(read_tables, 3, 15, 12)
    with pytest.raises(BadUserInput, match=r"from .* lies after"):
        reached(read_tables, 2, 21)
    with pytest.raises(BadUserInput, match=r"from .* lies after"):
        reached(read_tables, 3, 10**9)


def test_a_period_never_reaches_into_the_future(read_tables: ReadTables) -> None:
    found = reached(read_tables, 3, to=10**9)
    assert (found.after, found.upto) == (0, 3)
    assert second(20) < found.to < second(10**9)
