"""A log of two lakes, and exports of it."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import asyncpg
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.postgres.connections import open_engine
from server.adapters.postgres.migrate import migrate
from server.adapters.sealing import Sealer
from server.adapters.store.reader import Reader
from server.kernel.data_format import DataFormat
from server.mesh.compliance.export import AuditExports
from server.mesh.compliance.period import Period
from server.mesh.lake.queries import LakeQueries
from tests.mesh.compliance.histories import EU, US, dataset, ingested, lake, read, stand

HISTORY = [
    lake(EU),
    lake(US),
    dataset("a", 1),
    ingested(EU, "a", True, 2),
    dataset("b", 2),
    ingested(US, "b", False, 3),
    read(EU, "a", '=cmd|"x"', 4),
    read(US, "b", "bob", 4),
    read(EU, "a", "@eve,\n日本", 5),
]
OF_EU = [1, 4, 7, 9]


class Exports:
    """Exports on a database of their own, with a clock that a test sets."""

    def __init__(self, pool: asyncpg.Pool, lakes: LakeQueries, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self.key = CheckpointKey(folder / "checkpoint.key")
        self.pool = pool
        self.sealer = Sealer(b"k" * 32)
        self.service = AuditExports(pool, lakes, self.sealer, self.key, lambda: self.now)

    async def token(self, format: DataFormat = DataFormat.NDJSON, period: Period = Period(), **asked: Any) -> str:  # noqa: B008
        head = int(await self.pool.fetchval("select max(position) from events"))
        position = asked.get("position", head)
        address = await self.service.address(asked.get("lake", "eu"), period, format, position=position)
        assert (address.method, address.headers) == ("GET", {})
        assert address.path.startswith("/stream/audit/")
        return address.path.removeprefix("/stream/audit/")

    async def content(self, token: str) -> bytes:
        opened = await self.service.open(token)
        return b"".join([piece async for piece in opened.pieces()])

    async def trail(self, format: DataFormat = DataFormat.NDJSON, **asked: Any) -> bytes:
        return await self.content(await self.token(format, **asked))

    def proven(self, signed: bytes) -> dict[str, Any]:
        """What a signed statement says. Raises: InvalidSignature."""
        seal = orjson.loads(signed)
        assert seal["publicKey"] == self.key.public_key
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(seal["publicKey"]))
        key.verify(base64.b64decode(seal["signature"]), seal["statement"].encode())
        said: dict[str, Any] = orjson.loads(seal["statement"])
        return said


@pytest.fixture
async def exports(database_url: str, tmp_path: Path) -> AsyncIterator[Exports]:
    """A log that holds HISTORY, and one connection for all who read it."""
    engine = open_engine(database_url)
    await migrate(engine)
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection:
            await stand(cast(asyncpg.Connection, connection), HISTORY)
        yield Exports(pool, LakeQueries(Reader(engine)), tmp_path)
    await engine.dispose()
