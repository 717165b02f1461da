"""kill -9 of the embedded Postgres under load: the server says so, and goes on when it is back."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from pathlib import Path

from tests.system.ledger import Ledger, listed, registered
from tests.system.serving import PATIENCE, ServerProcess, command

CLIENTS, EACH = 16, 25
KILLS = (60, 180)  # acknowledged mutations after which Postgres is killed


async def test_answers_unavailable_while_postgres_is_gone_and_goes_on_when_it_is_back(
    server: ServerProcess, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    moved = asyncio.Condition()
    refused: Counter[str] = Counter()

    async def register(client: int) -> None:
        for number in range(EACH):
            while "errors" in (answer := await ledger.register(server, f"sales_{client:02}_{number:02}")):
                refused.update(error["extensions"]["code"] for error in answer["errors"])
            async with moved:
                moved.notify_all()

    async def read() -> None:
        while len(ledger.answers) < CLIENTS * EACH:
            answer = await server.answer("{ datasets(first: 1) { nodes { name schemaHistory { version } } } }")
            refused.update(error["extensions"]["code"] for error in answer.get("errors", ()))

    async def kill() -> None:
        for count in KILLS:
            async with moved:
                await moved.wait_for(lambda count=count: len(ledger.answers) >= count)
            os.kill(int((server.data_dir / "postgres/postmaster.pid").read_text().split("\n", 1)[0]), signal.SIGKILL)

    async def watch() -> list[int]:
        subscription = server.subscribe("subscription { events(after: 0) { position } }")
        async with contextlib.aclosing(subscription):
            seen: list[int] = []
            async for event in subscription:
                seen.append(event["events"]["position"])
                if len(seen) == CLIENTS * EACH:
                    break
            return seen

    async with asyncio.timeout(PATIENCE):
        seen, *_ = await asyncio.gather(watch(), kill(), read(), *(register(client) for client in range(CLIENTS)))

    assert set(refused) <= {"UNAVAILABLE"}
    assert " ERROR " not in server.log()
    names = sorted(ledger.answers)
    assert len(names) == CLIENTS * EACH
    assert sorted(await registered(server)) == names
    assert await listed(server) == names
    assert seen == list(range(1, len(names) + 1))
    status, said = await command(server.data_dir, "verify")
    assert (status, said.startswith(f"intact: {len(names)} events, head ")) == (0, True)
