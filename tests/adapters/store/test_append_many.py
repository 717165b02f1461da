"""The one SQL function that appends: kinds of answers, checks, order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kernel.record import record

CALL = """
select * from append_many($1::text[], $2::bytea[], $3::int[], $4::int[], $5::int[], $6::text[], $7::int[],
                          $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::jsonb[], $14::jsonb[])
"""


@record
class Command:
    """A key, its checks as (stream, version) or (thing, type, position), and its events as (stream, type).

    An event concerns its stream.
    """

    key: str
    checks: Sequence[tuple[str, int]] = ()
    quiet: Sequence[tuple[str, str, int]] = ()
    events: Sequence[tuple[str, str]] = ()
    input: bytes = b"input"


async def append(connection: asyncpg.Connection, *commands: Command) -> list[asyncpg.Record]:
    checks = [check for command in commands for check in command.checks]
    quiet = [entry for command in commands for entry in command.quiet]
    events = [event for command in commands for event in command.events]
    return await connection.fetch(
        CALL,
        [command.key for command in commands],
        [command.input for command in commands],
        [len(command.checks) for command in commands],
        [len(command.quiet) for command in commands],
        [len(command.events) for command in commands],
        [stream for stream, _ in checks],
        [version for _, version in checks],
        [thing for thing, _, _ in quiet],
        [type for _, type, _ in quiet],
        [position for _, _, position in quiet],
        [stream for stream, _ in events],
        [type for _, type in events],
        [f'{{"key": "{command.key}"}}' for command in commands for _ in command.events],
        [f'{{"actor": "ann", "about": ["{stream}"]}}' for stream, _ in events],
    )


def answers(rows: Sequence[asyncpg.Record]) -> list[tuple[object, ...]]:
    """What was answered, the instant aside."""
    return [(r["kind"], r["first"], r["last"], r["versions"], r["stream"], r["actual"]) for r in rows]


async def log(connection: asyncpg.Connection) -> list[tuple[int, str, int, str]]:
    rows = await connection.fetch("select position, stream, version, type from events order by position")
    return [tuple(row) for row in rows]


async def head(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("select position from event_head"))


async def test_gives_positions_and_versions_from_1_without_holes(connection: asyncpg.Connection) -> None:
    rows = await append(
        connection,
        Command(key="k1", checks=[("a", 0)], events=[("a", "X"), ("a", "Y")]),
        Command(key="k2", checks=[("b", 0)], events=[("b", "X")]),
        Command(key="k3", checks=[("a", 2)], events=[("a", "Z")]),
    )
    assert answers(rows) == [
        ("appended", 1, 2, [1, 2], None, None),
        ("appended", 3, 3, [1], None, None),
        ("appended", 4, 4, [3], None, None),
    ]
    assert await log(connection) == [(1, "a", 1, "X"), (2, "a", 2, "Y"), (3, "b", 1, "X"), (4, "a", 3, "Z")]
    assert await head(connection) == 4


async def test_writes_events_of_one_command_to_several_streams(connection: asyncpg.Connection) -> None:
    command = Command(key="k", checks=[("a", 0), ("b", 0)], events=[("a", "X"), ("b", "X"), ("a", "Y")])
    assert answers(await append(connection, command)) == [("appended", 1, 3, [1, 1, 2], None, None)]
    assert await log(connection) == [(1, "a", 1, "X"), (2, "b", 1, "X"), (3, "a", 2, "Y")]


async def test_answers_a_repeated_key_with_the_first_positions(connection: asyncpg.Connection) -> None:
    first = Command(key="k", checks=[("a", 0)], events=[("a", "X")])
    (once,) = await append(connection, first)
    again, other = await append(connection, first, Command(key="k", input=b"other", events=[("a", "Y")]))
    assert answers([again, other]) == [("duplicate", 1, 1, None, None, None), ("key_reused", 1, 1, None, None, None)]
    assert once["at"] == again["at"] == other["at"]
    assert await log(connection) == [(1, "a", 1, "X")]


async def test_finds_a_key_that_came_twice_in_one_call(connection: asyncpg.Connection) -> None:
    command = Command(key="k", events=[("a", "X")])
    assert [row["kind"] for row in await append(connection, command, command)] == ["appended", "duplicate"]
    assert await head(connection) == 1


async def test_a_conflict_writes_nothing_of_its_command_and_all_of_its_neighbours(
    connection: asyncpg.Connection,
) -> None:
    rows = await append(
        connection,
        Command(key="k1", events=[("a", "X")]),
        Command(key="k2", checks=[("b", 0), ("a", 5)], events=[("b", "X"), ("a", "Y")]),
        Command(key="k3", checks=[("a", 1)], events=[("a", "Z")]),
    )
    assert answers(rows) == [
        ("appended", 1, 1, [1], None, None),
        ("conflict", None, None, None, "a", 1),
        ("appended", 2, 2, [2], None, None),
    ]
    assert await log(connection) == [(1, "a", 1, "X"), (2, "a", 2, "Z")]
    kept = await connection.fetch("select key from commands order by key")
    assert [row["key"] for row in kept] == ["k1", "k3"]


async def test_checks_exact_versions_absence_and_existence(connection: asyncpg.Connection) -> None:
    await append(connection, Command(key="k", events=[("a", "X"), ("a", "Y")]))
    checks = [("a", 2), ("a", 1), ("a", 3), ("a", 0), ("a", -1), ("b", 0), ("b", -1), ("b", 1)]
    rows = await append(connection, *(Command(key=f"{check}", checks=[check]) for check in checks))
    assert [(row["kind"], row["actual"]) for row in rows] == [
        ("appended", None),
        ("conflict", 2),
        ("conflict", 2),
        ("conflict", 2),
        ("appended", None),
        ("appended", None),
        ("conflict", 0),
        ("conflict", 0),
    ]
    assert await head(connection) == 2


async def test_an_exact_version_overlooks_audited_accesses_and_nothing_else(connection: asyncpg.Connection) -> None:
    audited = [("a", "AccessAudited")] * 2
    await append(connection, Command(key="k1", events=[("a", "X"), ("a", "Y"), *audited]))
    rows = await append(
        connection,
        Command(key="none", checks=[("a", 0)]),
        Command(key="before", checks=[("a", 1)]),
        Command(key="behind", checks=[("a", 5)]),
        Command(key="between", checks=[("a", 3)]),
        Command(key="decided", checks=[("a", 2)], events=[("a", "Z")]),
        Command(key="late", checks=[("a", 2)], events=[("a", "Z")]),
        Command(key="last", checks=[("A", 4)]),
    )
    assert answers(rows) == [
        ("conflict", None, None, None, "a", 4),
        ("conflict", None, None, None, "a", 4),
        ("conflict", None, None, None, "a", 4),
        ("appended", None, None, None, None, None),
        ("appended", 5, 5, [5], None, None),
        ("conflict", None, None, None, "a", 5),
        ("conflict", None, None, None, "A", 5),
    ]


async def test_a_stream_of_audited_accesses_alone_exists(connection: asyncpg.Connection) -> None:
    await append(connection, Command(key="k", events=[("a", "AccessAudited")]))
    rows = await append(connection, Command(key="new", checks=[("a", 0)]), Command(key="any", checks=[("a", -1)]))
    assert [row["kind"] for row in rows] == ["conflict", "appended"]


async def test_a_thing_is_quiet_until_an_event_of_the_type_concerns_it(connection: asyncpg.Connection) -> None:
    await append(connection, Command(key="k1", events=[("a", "X"), ("b", "Y")]))
    quiet = [("a", "X", 1), ("a", "Y", 0), ("b", "Y", 2), ("a", "X", 0), ("b", "Y", 1)]
    rows = await append(connection, *(Command(key=f"{entry}", quiet=[entry]) for entry in quiet))
    assert answers(rows) == [
        ("appended", None, None, None, None, None),
        ("appended", None, None, None, None, None),
        ("appended", None, None, None, None, None),
        ("conflict", None, None, None, "a", None),
        ("conflict", None, None, None, "b", None),
    ]


async def test_a_thing_is_not_quiet_where_its_neighbour_in_the_call_speaks_of_it(
    connection: asyncpg.Connection,
) -> None:
    quiet = [("a", "X", 0)]
    rows = await append(
        connection,
        Command(key="k1", quiet=quiet, events=[("b", "Y")]),
        *(Command(key=f"more{number}", events=[(f"c{number}", "Y")]) for number in range(4)),
        Command(key="k2", events=[("a", "X")]),
        Command(key="k3", quiet=quiet, events=[("b", "Y")]),
    )
    assert [row["kind"] for row in rows] == ["appended"] * 6 + ["conflict"]
    assert await head(connection) == 6


async def test_takes_streams_that_differ_only_by_case_for_one(connection: asyncpg.Connection) -> None:
    await append(connection, Command(key="k1", events=[("dataset:Sales", "X")]))
    rows = await append(
        connection,
        Command(key="k2", checks=[("DATASET:sales", 0)], events=[("DATASET:sales", "X")]),
        Command(key="k3", checks=[("dataset:SALES", 1)], events=[("dataset:sales", "Y")]),
    )
    assert answers(rows) == [
        ("conflict", None, None, None, "DATASET:sales", 1),
        ("appended", 2, 2, [2], None, None),
    ]


async def test_keeps_the_key_of_a_command_without_events(connection: asyncpg.Connection) -> None:
    command = Command(key="k", checks=[("a", 0)])
    assert answers(await append(connection, command)) == [("appended", None, None, None, None, None)]
    assert answers(await append(connection, command)) == [("duplicate", None, None, None, None, None)]
    assert (await head(connection), await log(connection)) == (0, [])


async def test_goes_on_after_a_command_without_events_in_the_same_call(connection: asyncpg.Connection) -> None:
    rows = await append(
        connection,
        Command(key="k1", events=[("a", "X")]),
        Command(key="k2", checks=[("a", 1)]),
        Command(key="k3", checks=[("a", 1)], events=[("a", "Y")]),
    )
    assert answers(rows) == [
        ("appended", 1, 1, [1], None, None),
        ("appended", None, None, None, None, None),
        ("appended", 2, 2, [2], None, None),
    ]


async def instants(connection: asyncpg.Connection) -> list[datetime]:
    rows = await connection.fetch("select recorded_at from events order by position")
    return [row["recorded_at"] for row in rows]


async def test_gives_one_instant_to_a_command_and_a_later_one_to_the_next(connection: asyncpg.Connection) -> None:
    pair = [("a", "X"), ("b", "X")]
    await append(connection, *(Command(key=f"k{number}", events=pair) for number in range(50)))
    await append(connection, Command(key="last", events=pair))
    times = await instants(connection)
    assert times[::2] == times[1::2]
    assert times[::2] == sorted(set(times[::2]))


async def test_a_clock_that_was_set_back_does_not_break_the_order(connection: asyncpg.Connection) -> None:
    await append(connection, Command(key="k1", events=[("a", "X")]))
    await connection.execute("update event_head set recorded_at = recorded_at + interval '1 day'")
    ahead = await connection.fetchval("select recorded_at from event_head")
    await append(connection, *(Command(key=f"k{number}", events=[("a", "Y")]) for number in (2, 3)))
    behind = (await instants(connection))[1:]
    assert [(time - ahead).microseconds for time in behind] == [1, 2]


async def test_tells_listeners_the_new_head_once_for_each_call(connection: asyncpg.Connection, store_url: str) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(store_url)
    await listener.add_listener("events", lambda *told: heard.append(told[-1]))
    await append(connection, Command(key="k1", events=[("a", "X")]), Command(key="k2", events=[("b", "X")]))
    await append(connection, Command(key="k3"), Command(key="k1", events=[("a", "X")]))
    await append(connection, Command(key="k4", events=[("a", "Y")]))
    await connection.execute("select pg_notify('events', 'end')")
    while heard[-1:] != ["end"]:
        await listener.fetchval("select 1")
    await listener.close()
    assert heard == ["2", "3", "end"]


# What stands before each group: "a" at 3, "b" at 1, nothing else.
BEFORE = (
    Command(key="old", checks=[("a", 0), ("b", 0)], events=[("a", "X"), ("b", "X"), ("a", "X")]),
    Command(key="older", events=[("a", "X")]),
)
STANDING = {"a": 3, "b": 1, "c": 0, "d": 0, "e": 0, "f": 0}

TYPES = st.sampled_from(["X", "Y", "AccessAudited"])


@st.composite
def separate(draw: st.DrawFn) -> list[Command]:
    """Commands that cannot touch each other: each writes streams of its own, at the versions where they stand."""
    free = draw(st.permutations(sorted(STANDING)))
    commands: list[Command] = []
    while free:
        count = draw(st.integers(0, 2))
        own, free = free[:count], free[max(count, 1) :]
        checks = [(stream, STANDING[stream]) for stream in own]
        checks += draw(st.lists(st.sampled_from([("a", -1), ("B", -1)]), max_size=1))
        events = st.lists(st.tuples(st.sampled_from(own), TYPES), max_size=3) if own else st.just([])
        key = f"k{len(commands)}"
        commands.append(Command(key=key, checks=draw(st.permutations(checks)), events=draw(events)))
    return commands


NAMES = st.sampled_from("abcdABC")
ENTANGLED = st.builds(
    Command,
    key=st.sampled_from(["k0", "k1", "k9", "l", "m", "n", "old"]),
    checks=st.lists(st.tuples(NAMES, st.sampled_from([-1, 0, 0, 1, 2, 3, 4])), max_size=2),
    events=st.lists(st.tuples(NAMES, TYPES), max_size=3),
    quiet=st.just([]) | st.lists(st.tuples(st.sampled_from("abcA"), TYPES, st.integers(0, 8)), max_size=2),
    input=st.sampled_from([b"input", b"other"]),
)


@st.composite
def disturbed(draw: st.DrawFn) -> list[Command]:
    """A separate group with one command more, or one of its own changed in one respect."""
    commands = draw(separate())
    at = draw(st.integers(0, len(commands) - 1))
    other = draw(ENTANGLED)
    changed = [
        replace(commands[at], key=other.key),
        replace(commands[at], checks=[*commands[at].checks, *other.checks]),
        replace(commands[at], events=other.events),
        replace(commands[at], quiet=other.quiet),
    ]
    return [*commands[:at], draw(st.sampled_from([*changed, other])), *commands[at:][draw(st.integers(0, 1)) :]]


Told: TypeAlias = tuple[list[asyncpg.Record], ...]


async def told(connection: asyncpg.Connection, calls: Sequence[Sequence[Command]]) -> Told:
    """The answers to these calls and all that they leave, which is then undone. Time stands still, so it repeats."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("update event_head set recorded_at = '2100-01-01T00:00Z'")
        await append(connection, *BEFORE)
        rows = [row for call in calls for row in await append(connection, *call)]
        events = await connection.fetch("select * from events order by position")
        kept = await connection.fetch("select * from commands order by key")
        return rows, events, kept, await connection.fetch("select * from event_head")
    finally:
        await transaction.rollback()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(group=separate() | disturbed() | st.lists(ENTANGLED, max_size=6))
async def test_a_group_comes_to_what_its_commands_come_to_one_by_one(
    connection: asyncpg.Connection, group: list[Command]
) -> None:
    assert await told(connection, [group]) == await told(connection, [[command] for command in group])
