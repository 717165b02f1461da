import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from server.adapters.side_process.process import ProcessEnded, SideProcess
from server.kernel.errors import BadUserInput, LimitExceeded, Refused, TimedOut, Unavailable
from tests.adapters.side_process.work import hold, loaded, nap, refuse

ROOT = Path(__file__).parents[3]
PATIENCE = 20.0  # seconds until a test gives up


@pytest.fixture
async def side() -> AsyncIterator[SideProcess]:
    side = SideProcess(memory_bytes=512 << 20)
    try:
        yield side
    finally:
        await side.stop()


async def ended(process: int) -> None:
    """Return once a process has ended; its parent may not have looked yet."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(psutil.NoSuchProcess):
            while psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.01)


async def written(file: Path) -> int:
    """The process that a file tells of, once it does."""
    async with asyncio.timeout(PATIENCE):
        while not file.exists():
            await asyncio.sleep(0.01)
    return int(file.read_text())


async def test_does_all_work_in_one_other_process(side: SideProcess) -> None:
    first, second = await asyncio.gather(side.run(os.getpid, seconds=5), side.run(os.getpid, seconds=5))
    assert first == second == await side.run(os.getpid, seconds=5)
    assert first != os.getpid()


async def test_loads_nothing_of_the_server_there(side: SideProcess) -> None:
    heavy = ("graphql_schema", "strawberry", "duckdb", "sqlalchemy", "sqlglot", "numpy", "pytest")
    assert await side.run(loaded, *heavy, seconds=5) == []


async def test_passes_a_refusal_on(side: SideProcess) -> None:
    with pytest.raises(BadUserInput) as raised:
        await side.run(refuse, seconds=5)
    assert raised.value.extensions == {"code": "BAD_USER_INPUT", "field": "sql", "details": {"limit": 3}}


@pytest.mark.parametrize("work", [nap, hold])
async def test_ends_a_call_whose_time_is_over(side: SideProcess, work: object) -> None:
    process = await side.run(os.getpid, seconds=5)
    with pytest.raises(TimedOut, match=r"took longer than the 0\.2 seconds"):
        await side.run(work, PATIENCE, seconds=0.2)  # type: ignore[arg-type]
    await ended(process)
    assert await side.run(os.getpid, seconds=5) != process


async def test_ends_a_call_that_needs_too_much_memory(side: SideProcess) -> None:
    with pytest.raises(LimitExceeded, match="more memory than the 512 MiB"):
        await side.run(bytearray, 600 << 20, seconds=5)
    assert len(await side.run(bytearray, 1 << 20, seconds=5)) == 1 << 20


async def test_refuses_a_call_in_which_the_process_dies_and_does_the_next(side: SideProcess) -> None:
    for _ in range(3):
        with pytest.raises(Unavailable, match="ended before it was done"):
            await side.run(os._exit, 3, seconds=5)
        assert await side.run(os.getpid, seconds=5)


async def test_the_end_of_the_process_concerns_only_the_call_in_it(side: SideProcess) -> None:
    first, dead, *others = await asyncio.gather(
        side.run(nap, 0.05, seconds=5),
        side.run(os._exit, 3, seconds=5),
        *(side.run(len, "ab", seconds=5) for _ in range(5)),
        return_exceptions=True,
    )
    assert isinstance(first, int)
    assert isinstance(dead, ProcessEnded)
    assert others == [2] * 5


async def test_the_time_of_a_call_does_not_run_while_it_waits(side: SideProcess) -> None:
    assert len(set(await asyncio.gather(*(side.run(nap, 0.6, seconds=2) for _ in range(4))))) == 1


async def test_starts_no_process_for_those_who_waited_when_it_stopped(side: SideProcess, tmp_path: Path) -> None:
    calls = [asyncio.create_task(side.run(nap, PATIENCE, str(tmp_path / name), seconds=PATIENCE)) for name in "ab"]
    process = await written(tmp_path / "a")
    await side.stop()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await ended(process)
    assert [type(outcome) for outcome in outcomes] == [ProcessEnded, ProcessEnded]
    assert not (tmp_path / "b").exists()


async def test_refuses_a_call_whose_pool_broke_just_now_and_does_the_next(
    side: SideProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await side.run(os.getpid, seconds=5)

    def broke(*arguments: object, **named: object) -> None:
        raise RuntimeError("Unexpected error within the Pool")

    monkeypatch.setattr(side._pool, "schedule", broke)
    with pytest.raises(ProcessEnded, match="ended before it was done"):
        await side.run(os.getpid, seconds=5)
    assert await side.run(os.getpid, seconds=5) != process


async def test_starts_anew_when_the_process_died_between_calls(side: SideProcess) -> None:
    process = await side.run(os.getpid, seconds=5)
    os.kill(process, signal.SIGKILL)
    await ended(process)
    answers: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while not answers:
            try:
                answers.append(await side.run(os.getpid, seconds=5))
            except Unavailable:  # its end was noticed while this call was under way
                continue
    assert answers != [process]


async def test_ends_the_call_of_a_waiter_who_goes(side: SideProcess, tmp_path: Path) -> None:
    waiter = asyncio.create_task(side.run(nap, PATIENCE, str(tmp_path / "told"), seconds=PATIENCE))
    process = await written(tmp_path / "told")
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    await ended(process)
    assert await side.run(os.getpid, seconds=5) != process


async def test_refuses_a_call_when_too_many_wait() -> None:
    side = SideProcess(most_waiting=3)
    calls = [asyncio.create_task(side.run(nap, 0.05, seconds=5)) for _ in range(10)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False] * 3 + [True] * 7
    assert {str(outcome) for outcome in outcomes[3:]} == {
        "3 calls wait for the side process already; try again in a moment"
    }
    await side.stop()


async def test_ends_when_it_is_idle_and_at_stop() -> None:
    side = SideProcess(idle_seconds=0.05)
    process = await side.run(os.getpid, seconds=5)
    await ended(process)
    process = await side.run(os.getpid, seconds=5)
    await side.stop()
    await ended(process)


async def test_a_call_that_takes_longer_than_the_process_may_be_idle_is_let_be() -> None:
    side = SideProcess(idle_seconds=0.2)
    process = await side.run(os.getpid, seconds=5)
    assert await side.run(nap, 0.6, seconds=5) == process
    await side.stop()


async def test_leaves_the_loop_free(side: SideProcess) -> None:
    await side.run(os.getpid, seconds=5)
    turns = 0
    work = asyncio.create_task(side.run(hold, 0.3, seconds=5))
    while not work.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > 5


SERVER = """
import asyncio, sys
from server.adapters.side_process.process import SideProcess
from tests.adapters.side_process.work import hold, nap
async def main():
    side = SideProcess()
    await side.run(nap, 0, sys.argv[1], seconds=5)
    if sys.argv[2] == "busy":
        await side.run(hold, 2, seconds=1)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
async def test_does_not_outlive_a_killed_server(tmp_path: Path, state: str) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path / "told"), state], cwd=ROOT)
    process = psutil.Process(await written(tmp_path / "told"))
    family = [process, *psutil.Process(server.pid).children(recursive=True)]
    server.kill()
    server.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, timeout=PATIENCE)
    assert alive == []


def test_needs_nothing_before_its_first_call() -> None:
    program = "import sys, server.adapters.side_process.process; print('pebble' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_runs_no_script_again(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import asyncio, os\nprint('script')\nfrom server.adapters.side_process.process import SideProcess\n"
        "async def main():\n    side = SideProcess()\n    await side.run(os.getpid, seconds=5)\n    await side.stop()\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr, done.returncode) == ("script\n", "", 0)
