"""A real server, `python -m server serve` on a DATA_DIR of its own, and questions over HTTP and sockets."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import httpx
import websockets

from server.adapters.postgres.datadir import DataDir
from server.adapters.postgres.process import halt

KEY = "a-key-for-the-tests"
READY = "Lakemesh is ready: "
PATIENCE = 60.0  # seconds until a test gives up; no test needs more than a few


class ServerProcess:
    """One server. `settings` are environment variables besides those that make it private to the test.

    Several may run on one DATA_DIR. What each wrote to its log is in `log()`, over all its starts.
    """

    def __init__(self, data_dir: Path, *, name: str = "server", **settings: str) -> None:
        self.data_dir = data_dir
        self.key = settings.get("API_KEY", KEY)
        self.url = ""
        self.said: list[str] = []
        self._log = data_dir.with_name(f"{data_dir.name}.{name}.log")
        self._settings = {"DATA_DIR": str(data_dir), "PORT": "0", "API_KEY": KEY, "GRAPHIQL": "false"} | settings
        self._process: asyncio.subprocess.Process | None = None
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> Self:
        """Start it and return when it has told its address; `said` holds the lines up to there."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "server", "serve", env=environment(self._settings), stdout=-1, stderr=log
            )
        self.said = []
        async with asyncio.timeout(PATIENCE):
            while not (line := await self._line()).startswith(READY):
                self.said.append(line)
        self.url = line.removeprefix(READY).removesuffix("/graphql")
        # no queue of requests in the client; a connection is not used again just when the server gives it up
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=1)
        self._client = httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, limits=limits, headers=self.headers)
        return self

    async def stop(self) -> int:
        """End it by SIGTERM and answer its exit status."""
        self.process.terminate()
        return await self.ended()

    async def kill(self) -> None:
        """End it by kill -9; its Postgres lives on."""
        self.process.kill()
        await self.ended()

    async def ended(self) -> int:
        """Its exit status, once it has one."""
        async with asyncio.timeout(PATIENCE):
            await self.process.communicate()
        if self._client is not None:
            await self._client.aclose()
        assert self.process.returncode is not None
        return self.process.returncode

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process of the newest start."""
        assert self._process is not None, "start() makes it"
        return self._process

    @property
    def running(self) -> bool:
        """Whether the process of the newest start lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def client(self) -> httpx.AsyncClient:
        """A client at its address with the admin key, for whatever is no GraphQL."""
        assert self._client is not None, "start() makes it"
        return self._client

    @property
    def headers(self) -> dict[str, str]:
        """The admin key as a header."""
        return {"Authorization": f"Bearer {self.key}"}

    def log(self) -> str:
        """What it wrote to its log."""
        return self._log.read_text()

    async def answer(self, query: str, **variables: object) -> dict[str, Any]:
        """The whole answer to a query or mutation, errors included. Raises: httpx.TransportError when it is cut off."""
        response = await self.client.post("/graphql", json={"query": query, "variables": variables})
        assert response.headers["content-type"].startswith("application/json"), response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def subscribe(self, query: str, **variables: object) -> AsyncIterator[dict[str, Any]]:
        """The data of each message of a subscription, until the server ends it or goes away."""
        address = f"ws{self.url.removeprefix('http')}/graphql"
        async with websockets.connect(address, subprotocols=["graphql-transport-ws"]) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": self.headers}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            operation = {"query": query, "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": operation}))
            with contextlib.suppress(websockets.ConnectionClosed):
                while (message := json.loads(await socket.recv()))["type"] != "complete":
                    if message["type"] == "ping":
                        await socket.send(json.dumps({"type": "pong"}))
                        continue
                    assert message["type"] == "next", message
                    assert "errors" not in message["payload"], message["payload"]
                    yield message["payload"]["data"]

    async def _line(self) -> str:
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        assert line, f"the server ended before it was ready:\n{self.log()}"
        return line.rstrip("\n")


@contextlib.asynccontextmanager
async def serving(data_dir: Path, **settings: str) -> AsyncIterator[ServerProcess]:
    """A started server; it and its Postgres are gone afterwards."""
    server = ServerProcess(data_dir, **settings)
    async with no_postgres_left(data_dir):
        try:
            yield await server.start()
        finally:
            if server.running:
                await server.kill()


@contextlib.asynccontextmanager
async def no_postgres_left(data_dir: Path) -> AsyncIterator[None]:
    """End the embedded Postgres of a DATA_DIR that killed servers leave behind."""
    try:
        yield
    finally:
        if data_dir.exists():
            await asyncio.to_thread(halt, DataDir(path=data_dir.resolve()))


async def command(data_dir: Path, *arguments: str) -> tuple[int, str]:
    """The exit status and the output of `lakemesh <arguments>` on a DATA_DIR."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", *arguments, env=environment({"DATA_DIR": str(data_dir)}), stdout=-1
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment without settings of a server, and these settings."""
    ours = {"DATABASE_URL", "LISTEN_URL", "HOST", "PORT", "API_KEY", "WORKER", "PUBLIC_URL", "LOG_LEVEL"}
    return {name: value for name, value in os.environ.items() if name not in ours} | settings
