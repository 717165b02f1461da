"""Two erasures in one batch at once, and an erasure that goes on after its worker was given up: no file is lost."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from functools import wraps
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.adapters.runs import ProcessKind, RunContext
from server.kernel.ids import Urn, name_of
from server.mesh.erasure.batch_eraser import BatchEraser
from server.mesh.erasure.leftovers import Leftovers
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.erasure.subject_world import CSV, SUBJECT, holding, lake_with, requested
from tests.mesh.erasure.test_interrupted import run_of
from tests.mesh.erasure.test_races import names, rows

EU = Urn("lake:eu")
END_SESSIONS = """
select pg_terminate_backend(pid) from pg_locks
 where locktype = 'advisory' and granted and pid <> pg_backend_pid()
   and database = (select oid from pg_database where datname = current_database())"""
RULES = [{"column": "amount", "check": "> 100"}]


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    async with at_work(database_url, tmp_path) as mesh:
        mesh.purpose = "test"
        yield mesh


def erasing(mesh: AtWork, deletion: str) -> asyncio.Future[Any]:
    """A run that does the request's erasure, though another may be at it."""
    return asyncio.ensure_future(mesh.parts.handlers[ProcessKind.ERASE](RunContext(run_of(EU, Urn(deletion)))))


def gate(patch: pytest.MonkeyPatch, owner: type, name: str, reached: asyncio.Event, go_on: asyncio.Event) -> None:
    """The first call of a method waits before it begins; the others go through."""
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    async def call(*given: Any, **named: Any) -> Any:
        if not reached.is_set():
            reached.set()
            await go_on.wait()
        return await original(*given, **named)

    patch.setattr(owner, name, call)


async def settled(*tasks: asyncio.Future[Any]) -> None:
    """Wait until these have ended, or cannot go on before somebody else does."""
    await asyncio.wait(tasks, timeout=2)


async def whole(mesh: AtWork, subjects: tuple[str, ...], people: list[str]) -> None:
    """Nothing is left of the subjects, everything of the others, and a replay finds what it needs."""
    root = mesh.parts.storage.root
    assert [holding(root, subject) for subject in subjects] == [[] for _ in subjects]
    assert len(list(root.glob("people/raw/b1/*.csv"))) == 1
    for _ in range(2):
        assert sorted(await names(mesh)) == people
        ids = {row["_id"] for row in await rows(mesh)}
        assert {row["_id"] for row in sampled(root)} <= ids
        replay = await mesh.do("requestReplay", "run { status }", dataset="people", reason="anew", waitSeconds=30)
        assert replay["run"]["status"] == "SUCCEEDED"


def sampled(root: Path) -> list[dict[str, Any]]:
    """The rows in the samples of all checks."""
    kept = [orjson.loads(path.read_bytes()) for path in root.rglob("*.samples.json")]
    return [row for rules in kept for samples in rules for row in samples]


async def test_one_erasure_leaves_alone_what_the_other_has_just_made(
    mesh: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lake_with(mesh, ("b1", CSV))
    first, second = await requested(mesh, "bob"), await requested(mesh)
    made, swap = asyncio.Event(), asyncio.Event()
    gate(monkeypatch, BatchEraser, "_swap", made, swap)
    one = erasing(mesh, first)
    await made.wait()
    other = erasing(mesh, second)
    await settled(other)
    swap.set()
    await asyncio.gather(one, other)
    await whole(mesh, (SUBJECT, "bob"), ["ann"])


async def test_leftovers_of_one_erasure_are_not_what_the_other_is_about_to_name(
    mesh: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lake_with(mesh, ("b1", CSV))
    first, second = await requested(mesh), await requested(mesh, "bob")
    tidies, tidy = asyncio.Event(), asyncio.Event()
    gate(monkeypatch, Leftovers, "remove", tidies, tidy)
    one = erasing(mesh, first)
    await tidies.wait()
    made, swap = asyncio.Event(), asyncio.Event()
    gate(monkeypatch, BatchEraser, "_swap", made, swap)
    other = erasing(mesh, second)
    await made.wait()
    for path in mesh.parts.storage.root.rglob("*.parquet"):
        os.utime(path, (0, 0))  # as if the other had begun before the one looked at the clock
    tidy.set()
    await settled(one)
    swap.set()
    await asyncio.gather(one, other)
    await whole(mesh, (SUBJECT, "bob"), ["ann"])


async def test_samples_do_not_bring_back_whom_another_erasure_took_out(
    mesh: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f"{CSV}ann,of bob and {SUBJECT},4.00\n"
    await lake_with(mesh, ("b1", both))
    await mesh.do("runQualityCheck", batchId="b1", rules=RULES)
    first, second = await requested(mesh, "bob"), await requested(mesh)
    found, go_on = asyncio.Event(), asyncio.Event()
    gate(monkeypatch, BatchEraser, "_replace_samples", found, go_on)
    one = erasing(mesh, first)
    await found.wait()
    other = erasing(mesh, second)
    await settled(other)
    go_on.set()
    await asyncio.gather(one, other)
    assert sampled(mesh.parts.storage.root)
    await whole(mesh, (SUBJECT, "bob"), ["ann", "ann"])


async def test_a_worker_that_was_given_up_and_goes_on_takes_nothing_away(
    mesh: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lake_with(mesh, ("b1", CSV))
    deletion = await requested(mesh)
    made, swap = asyncio.Event(), asyncio.Event()
    gate(monkeypatch, BatchEraser, "_swap", made, swap)
    silent = erasing(mesh, deletion)
    await made.wait()
    await mesh.pool.execute(END_SESSIONS)
    again = erasing(mesh, deletion)
    await settled(again)
    swap.set()
    ended = await asyncio.gather(silent, again, return_exceptions=True)
    assert sum(isinstance(one, BaseException) for one in ended) < 2, ended
    await whole(mesh, (SUBJECT,), ["ann", "bob"])
    keys = mesh.parts.storage.root.parent / "keys" / "subjects"
    assert not (keys / name_of(Urn(deletion))).exists()
