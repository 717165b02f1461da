"""Two server processes on one database: one order for all, whoever wrote."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

from tests.system.ledger import Ledger, registered
from tests.system.serving import PATIENCE, ServerProcess

EVENTS = "subscription ($after: BigInt) { events(after: $after) { position stream hash } }"
Seen = list[tuple[int, str, str]]


async def watched(server: ServerProcess, after: int, upto: int) -> Seen:
    """What a subscriber sees from one position to another."""
    seen: Seen = []
    async with contextlib.aclosing(server.subscribe(EVENTS, after=after)) as subscription, asyncio.timeout(PATIENCE):
        async for message in subscription:
            event = message["events"]
            seen.append((event["position"], event["stream"], event["hash"]))
            if event["position"] >= upto:
                break
    return seen


async def register(ledger: Ledger, server: ServerProcess, names: Iterable[str]) -> None:
    """Register each with success."""
    for name in names:
        answer = await ledger.register(server, name)
        assert "errors" not in answer, answer


def names(server: str, client: int, count: int) -> list[str]:
    return [f"{server}_{client}_{number}" for number in range(count)]


async def test_subscribers_of_both_see_every_position_once_and_in_order(
    servers: tuple[ServerProcess, ServerProcess], tmp_path: Path
) -> None:
    left, right = servers
    ledger = Ledger(tmp_path / "ledger")
    seen_left, seen_right, *_ = await asyncio.gather(
        watched(left, 0, 160),
        watched(right, 0, 160),
        *(register(ledger, left, names("left", client, 10)) for client in range(8)),
        *(register(ledger, right, names("right", client, 10)) for client in range(8)),
    )
    assert [position for position, _, _ in seen_left] == list(range(1, 161))
    assert seen_left == seen_right
    assert [stream for _, stream, _ in seen_left] == [f"dataset:{name}" for name in await registered(right)]
    assert {stream for _, stream, _ in seen_left} == {f"dataset:{name}" for name in ledger.answers}


async def test_one_of_two_equal_names_wins_across_servers(
    servers: tuple[ServerProcess, ServerProcess],
) -> None:
    register = 'mutation ($n: String!) { registerDataset(input: {name: $n, schema: {id: "int"}}) { dataset { id } } }'
    answers = await asyncio.gather(*(server.answer(register, n="sales") for server in servers for _ in range(16)))
    codes = sorted(answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer)
    assert codes == ["ALREADY_EXISTS"] * 31
    assert await registered(servers[0]) == ["sales"]


async def test_a_subscriber_resumes_after_a_restart_without_gap_or_duplicate(
    servers: tuple[ServerProcess, ServerProcess], tmp_path: Path
) -> None:
    left, right = servers
    ledger = Ledger(tmp_path / "ledger")
    writers = [asyncio.create_task(register(ledger, right, names("right", client, 30))) for client in range(4)]
    first = await watched(left, 0, 20)
    assert await left.stop() == 0
    await left.start()
    second = await watched(left, first[-1][0], 60)
    await left.kill()
    await left.start()
    third = await watched(left, second[-1][0], 120)
    await asyncio.gather(*writers)
    assert [position for position, _, _ in (*first, *second, *third)] == list(range(1, 121))
    assert [*first, *second, *third] == await watched(right, 0, 120)
