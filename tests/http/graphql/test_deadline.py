"""An operation ends by its deadline; a wait that was asked for is added to it."""

import asyncio

import pytest

from server.http.graphql.deadline import Deadline
from server.http.graphql.limits import Limits
from server.kernel.errors import TimedOut
from tests.http.graphql.toy import client, toy

SHORT = Limits(timeout_seconds=0.05)


async def test_an_operation_that_does_not_end_is_ended() -> None:
    async with client(toy(SHORT)) as http:
        response = await http.post(
            "/graphql", json={"query": "{slow}"}, headers={"Accept": "application/graphql-response+json"}
        )
    assert response.status_code == 200
    assert response.json() == {
        "data": None,
        "errors": [
            {
                "message": "the operation did not end within 0.05 seconds; ask for less at once",
                "extensions": {"code": "TIMEOUT"},
            }
        ],
        "extensions": {"cost": {"cost": 1, "limit": 10000, "depth": 1}},
    }


async def test_a_wait_that_was_asked_for_does_not_count() -> None:
    served = toy(SHORT)
    async with client(served) as http:
        waiting = asyncio.create_task(http.post("/graphql", json={"query": "{slow(extend: 3600)}"}))
        ended = await http.post("/graphql", json={"query": "{slow}"})  # takes its 0.05 seconds
        ended_too = await http.post("/graphql", json={"query": "{slow}"})
        assert not waiting.done()
        served.world.release.set()
        answer = await waiting
    for response in (ended, ended_too):
        assert response.json()["errors"][0]["extensions"] == {"code": "TIMEOUT"}
    assert answer.json()["data"] == {"slow": "done"}


async def test_each_wait_is_added() -> None:
    deadline = Deadline(30)
    deadline.extend(10)
    async with deadline.running():
        deadline.extend(5)
    assert deadline.seconds == 45


async def test_a_timeout_inside_is_left_as_it_is() -> None:
    with pytest.raises(TimeoutError, match="a driver's own"):
        async with Deadline(30).running():
            raise TimeoutError("a driver's own")


async def test_time_that_is_over_cannot_be_extended() -> None:
    async def wait() -> None:
        async with deadline.running():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                deadline.extend(100)
                raise

    deadline = Deadline(0)
    with pytest.raises(TimedOut):
        await wait()


async def test_a_cancelled_request_is_no_timeout() -> None:
    async def wait() -> None:
        async with Deadline(30).running():
            started.set()
            await asyncio.Event().wait()

    started = asyncio.Event()
    task = asyncio.create_task(wait())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_schema_without_a_context_runs_under_the_limit() -> None:
    result = await toy(SHORT).schema.execute("{hello}")
    assert result.data == {"hello": "hello world"}
