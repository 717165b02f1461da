"""`lakemesh jobs` beside a server, and without one; the schedule of a server; runs watched to their end."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system.serving import ServerProcess, command, environment, no_postgres_left, serving
from tests.system.story import CSV, append, do, published, register, upload, window

ROWS = 60_000
SHOWN = '{ batch(id: "b1") { status layers expiresAt grants { url { url } } } }'


async def kept_for_a_day(server: ServerProcess) -> None:
    await register(server)
    await do(server, "updateContract", contract="people-contract", retentionDays=1)
    await published(server, "b1")
    await do(server, "grantConsumption", batchId="b1", consumer="bi")


def files(data_dir: Path) -> set[str]:
    """The objects of the dataset, without what the Delta table keeps of itself."""
    lake = data_dir / "lake" / "people"
    found = (path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file())
    return {name for name in found if "_delta_log" not in name}


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


async def test_a_job_beside_a_server_lets_a_batch_go_and_ends_its_grants(server: ServerProcess) -> None:
    await kept_for_a_day(server)
    before = await server.ask(SHOWN)
    address = before["batch"]["grants"][0]["url"]["url"]
    assert (await server.client.get(address)).status_code == 200

    assert await command(server.data_dir, "jobs", "expire", "--at", in_days(0.9)) == (0, "expire: batches due: 0\n")
    assert await server.ask(SHOWN) == before | {"batch": before["batch"] | {"grants": any_address(before)}}
    status, said = await command(server.data_dir, "jobs", "expire", "--at", in_days(1.1))
    assert (status, said) == (0, "expire: batches due: 1\nexpire: runs done: 1 of 1\n")
    after = (await server.ask(SHOWN))["batch"]
    assert after == before["batch"] | {"status": "EXPIRED", "layers": [], "grants": [{"url": None}]}
    refused = await server.client.get(address)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert files(server.data_dir) == set()
    assert await command(server.data_dir, "jobs", "expire", "--at", in_days(9)) == (0, "expire: batches due: 0\n")


class Anything:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def any_address(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """The grants with whatever address: it is made anew at each read."""
    return [{"url": Anything()} for _ in shown["batch"]["grants"]]


async def test_a_job_without_a_server_does_its_runs_itself(data_dir: Path) -> None:
    async with serving(data_dir) as server:
        await kept_for_a_day(server)
        await server.stop()
        async with no_postgres_left(data_dir):
            status, said = await command(data_dir, "jobs", "expire", "--at", in_days(2))
        assert (status, said) == (0, "expire: batches due: 1\nexpire: runs done: 1 of 1\n")
        assert files(data_dir) == set()
        await server.start()
        assert (await server.ask(SHOWN))["batch"]["status"] == "EXPIRED"


async def test_a_sweep_removes_what_a_refused_append_left(server: ServerProcess) -> None:
    await register(server)
    await append(server, "b1")
    named = files(server.data_dir)
    orphan = server.data_dir / "lake" / "people" / "bronze" / "b1" / "999.parquet"
    orphan.write_bytes(b"left")
    status, said = await command(server.data_dir, "jobs", "sweep")
    assert (status, said) == (
        0,
        "sweep: objects removed: 0 (0 bytes); unfinished files removed: 0; objects of unknown names, left alone: 0\n",
    )
    status, said = await command(server.data_dir, "jobs", "sweep", "--at", in_days(2))
    assert status == 0
    assert said.startswith("sweep: objects removed: 2 (")  # the upload has had its day too
    assert files(server.data_dir) == named
    assert (await server.ask('{ batch(id: "b1") { rowCount } }'))["batch"]["rowCount"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["forget"], "argument NAME: invalid choice: 'forget'"),
        ([], "the following arguments are required: NAME"),
        (
            ["sweep", "--at", "tomorrow"],
            "argument --at: 'tomorrow' is not an instant; write it as 2026-01-31T12:00:00Z",
        ),
    ],
)
async def test_refuses_a_job_or_an_instant_that_is_none(data_dir: Path, arguments: list[str], said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", "jobs", *arguments),
        env=environment({"DATA_DIR": str(data_dir)}),
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await process.communicate()
    assert (process.returncode, said in error.decode()) == (2, True), error
    assert not data_dir.exists()


async def test_the_schedule_of_a_server_finds_what_is_due(data_dir: Path) -> None:
    async with serving(data_dir, SCHEDULE_SECONDS="0.2", SWEEP_GRACE_SECONDS="0") as server:
        await register(server)
        orphan = server.data_dir / "lake" / "people" / "gold" / "b1" / "999.parquet"
        orphan.parent.mkdir(parents=True)
        orphan.write_bytes(b"left")
        async with asyncio.timeout(60):
            while orphan.exists():
                await asyncio.sleep(0.05)
        await append(server, "b1")
        assert len(files(server.data_dir)) == 2
    assert " ERROR " not in server.log()


async def test_a_run_is_watched_to_its_end_over_a_socket(server: ServerProcess) -> None:
    await register(server)
    await append(server, "b0")
    lines = "".join(f"{number},p{number}@example.com,{number % 90 + 1}.50\n" for number in range(10, ROWS))
    watch = "subscription ($id: ID!) { processRun(id: $id) { status progress rowsDone batch { rowCount } } }"
    file = await upload(server, CSV + lines)
    started = await do(
        server,
        "appendData",
        "run { id } batch { id }",
        dataset="people",
        contractId="people-contract",
        batchId="b1",
        fileUrl=file,
        waitSeconds=0,
    )
    seen: list[dict[str, Any]] = []
    async with window(server, watch, "processRun", id=started["run"]["id"]) as opened:
        while not seen or seen[-1]["status"] not in ("SUCCEEDED", "FAILED"):
            seen += await opened.next()
    assert seen[-1] == {
        "status": "SUCCEEDED",
        "progress": 1.0,
        "rowsDone": ROWS - 7,
        "batch": {"rowCount": ROWS - 7},
    }
    order = [("QUEUED", "RUNNING", "SUCCEEDED").index(state["status"]) for state in seen]
    assert order == sorted(order)
    shown = [state["progress"] for state in seen]
    assert shown == sorted(shown)
    assert all(state["batch"] is None for state in seen if state["status"] == "QUEUED")
