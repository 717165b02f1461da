"""Checkpoints of a running server: written as it goes and when it stops, listed, and verified by a program alone."""

import asyncio
import base64
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import server.verification
from server.adapters.postgres.cluster import EmbeddedPostgres
from tests.system.serving import ServerProcess, command, environment, no_postgres_left, serving

ALL = "{ checkpoints { nodes { position hash at signature publicKey } totalCount } }"
CREATE = 'mutation($name: String!) { createDomain(input: {name: $name, owner: "o"}) { domain { id } } }'


async def checkpoints(server: ServerProcess) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await server.ask(ALL))["checkpoints"]["nodes"]
    return nodes


async def signed(server: ServerProcess, position: int) -> list[dict[str, Any]]:
    """The checkpoints once one covers this position."""
    async with asyncio.timeout(30):
        while not (found := await checkpoints(server)) or found[-1]["position"] < position:
            await asyncio.sleep(0.05)
    return found


async def alone(folder: Path, *arguments: str) -> tuple[int, str]:
    """The status and the output of the verifier in a folder where there is nothing else of the server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "verification", *arguments, cwd=folder, env=environment({}), stdout=-1
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_signs_while_it_runs_and_when_it_stops(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with serving(data_dir, CHECKPOINT_EVENTS="3", CHECKPOINT_SECONDS="3600") as running:
        for number in range(3):
            await running.ask(CREATE, name=f"d{number}")
        found = await signed(running, 3)
        for one in found:
            statement = f"lakemesh-checkpoint-1\n{one['position']}\n{one['hash']}\n{one['at']}\n"
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(one["publicKey"]))
            key.verify(base64.b64decode(one["signature"]), statement.encode())
        events = await running.ask("{ events { nodes { position hash } } }")
        hashes = {event["position"]: event["hash"] for event in events["events"]["nodes"]}
        assert {one["position"]: one["hash"] for one in found}.items() <= hashes.items()
        await running.ask(CREATE, name="last")
        key = found[0]["publicKey"]
        assert await running.stop() == 0
        lines = [
            json.loads(line) for line in (data_dir / "checkpoints" / "checkpoints.ndjson").read_text().splitlines()
        ]
        assert lines[-1]["position"] == 4
        names = sorted(path.name for path in (data_dir / "lake" / "_checkpoints").iterdir())
        assert names == [f"{line['position']:019d}.json" for line in lines]
        status, said = await command(data_dir, "verify")
        assert status == 0
        assert said.splitlines()[1] == (
            f"proven up to position 4 by {len(lines)} checkpoints under the key {key}"
            " (taken at its word: compare it with one that you know from elsewhere)"
        )


async def test_a_copied_verifier_finds_what_an_administrator_did(tmp_path: Path) -> None:
    data_dir, folder = tmp_path / "data", tmp_path / "auditor"
    source = Path(next(iter(server.verification.__path__)))
    shutil.copytree(source, folder / "verification", ignore=shutil.ignore_patterns("__pycache__"))
    async with serving(data_dir) as running:
        for number in range(3):
            await running.ask(CREATE, name=f"d{number}")
        key = (await signed(running, 1))[0]["publicKey"]
        assert await running.stop() == 0
    async with no_postgres_left(data_dir):
        postgres = await asyncio.to_thread(EmbeddedPostgres.start, data_dir)
        try:
            places = ["--database", postgres.dsn, "--checkpoints", str(data_dir / "checkpoints"), "--public-key", key]
            status, said = await alone(folder, *places, "--json")
            report = json.loads(said)
            assert (status, report["intact"], report["provenTo"], report["keyGiven"]) == (0, True, 3, True)
            connection = await asyncpg.connect(postgres.dsn)
            await connection.execute("alter table events disable trigger events_are_final")
            await connection.execute("""update events set meta = meta || '{"actor": "nobody"}' where position = 2""")
            await connection.close()
            status, said = await alone(folder, *places)
            assert (status, said.splitlines()[0]) == (
                1,
                "broken at position 2: the log is not what was recorded",
            )
            assert (await command(data_dir, "verify"))[0] == 1
            missing = str(tmp_path / "nowhere")
            assert (await alone(folder, "--database", postgres.dsn, "--checkpoints", missing))[0] == 2
        finally:
            await asyncio.to_thread(postgres.stop)


async def test_a_new_key_is_signed_by_the_old_one_and_a_running_server_takes_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with serving(data_dir, CHECKPOINT_EVENTS="1") as running:
        await running.ask(CREATE, name="before")
        first = (await signed(running, 1))[-1]["publicKey"]
        status, said = await command(data_dir, "key", "rotate-checkpoint")
        assert status == 0
        await running.ask(CREATE, name="after")
        second = (await signed(running, 2))[-1]["publicKey"]
        assert said == f"new checkpoints are signed by {second}; the key before it has signed that\n"
        assert first != second
        assert await running.stop() == 0
        status, said = await command(data_dir, "verify")
        assert (status, f"under the key {first}" in said) == (0, True)


async def test_an_empty_log_has_nothing_to_prove(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as running:
        assert await checkpoints(running) == []
        assert await running.stop() == 0
        assert await command(running.data_dir, "verify") == (0, f"intact: 0 events, head {'00' * 32}\n")
