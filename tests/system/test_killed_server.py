"""kill -9 of the server, and SIGTERM, while hundreds of mutations are under way."""

import asyncio
import random
import signal
from pathlib import Path

import httpx

from tests.system.ledger import Ledger, listed, read_tables, registered
from tests.system.serving import ServerProcess, command

CLIENTS = 500


async def test_kept_every_acknowledged_mutation_exactly_once_when_the_server_is_killed(
    server: ServerProcess, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    deadly = random.randrange(50, CLIENTS)
    cut: list[str] = []

    async def register(client: int) -> None:
        for number in range(CLIENTS):
            name = f"sales_{client:03}_{number}"
            try:
                answer = await ledger.register(server, name)
            except httpx.TransportError:
                cut.append(name)  # only its key can tell what became of it
                return
            assert "errors" not in answer, answer
            if len(ledger.answers) == deadly:
                server.process.kill()

    await asyncio.gather(*map(register, range(CLIENTS)))
    assert await server.ended() == -signal.SIGKILL
    acknowledged = dict(ledger.answers)
    assert (len(cut), len(acknowledged) >= deadly) == (CLIENTS, True)
    assert sorted(ledger.recorded()) == sorted(acknowledged)

    await server.start()
    standing = await registered(server)
    assert len(standing) == len(set(standing))
    assert set(acknowledged) <= set(standing) <= set(ledger.sent)
    assert await listed(server) == sorted(standing)

    names = sorted(ledger.sent)
    async with asyncio.TaskGroup() as again:
        for client in range(50):
            again.create_task(repeat(ledger, server, names[client::50]))
    assert {name: ledger.answers[name] for name in acknowledged} == acknowledged
    assert sorted(ledger.answers) == names
    assert sorted(await registered(server)) == names
    assert await listed(server) == names

    live = await read_tables(server.data_dir)
    assert (len(live["dataset"]), len(live["dataset_schema"])) == (len(names), len(names))
    assert await command(server.data_dir, "rebuild") == (0, f"rebuilt {len(live)} tables from {len(names)} events\n")
    assert await read_tables(server.data_dir) == live
    status, said = await command(server.data_dir, "verify")
    assert (status, said.startswith(f"intact: {len(names)} events, head ")) == (0, True)


async def repeat(ledger: Ledger, server: ServerProcess, names: list[str]) -> None:
    """Send each once more under its key."""
    for name in names:
        await ledger.register(server, name)


async def test_drains_at_sigterm_and_keeps_what_it_acknowledged(server: ServerProcess, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    enough = asyncio.Event()

    async def register(client: int) -> None:
        for number in range(1000):
            try:
                answer = await ledger.register(server, f"sales_{client}_{number}")
            except httpx.TransportError:
                return
            assert "errors" not in answer, answer
            if len(ledger.answers) >= 100:
                enough.set()
        raise AssertionError("the server did not end")

    async def watch() -> list[int]:
        return [
            event["events"]["position"]
            async for event in server.subscribe("subscription { events(after: 0) { position } }")
        ]

    async def end() -> int:
        await enough.wait()
        return await server.stop()

    watching = asyncio.create_task(watch())
    status, *_ = await asyncio.gather(end(), *(register(client) for client in range(16)))
    assert status == 0
    seen = await watching
    assert seen == list(range(1, len(seen) + 1))
    assert " ERROR " not in server.log()

    await server.start()
    standing = await registered(server)
    assert set(ledger.answers) <= set(standing) <= set(ledger.sent)
    assert len(standing) == len(set(standing))
