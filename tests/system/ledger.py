"""A ledger of mutations: what was sent and what was answered, on disk before anything else happens."""

import json
from pathlib import Path
from typing import Any

import asyncpg

from server.adapters.postgres.datadir import DataDir
from server.mesh.slices import TABLES
from tests.system.serving import ServerProcess

REGISTER = """
mutation ($name: String!, $key: String!) {
  registerDataset(input: {name: $name, schema: {id: "int"}, idempotencyKey: $key}) {
    dataset { id name revision createdAt }
    events { id position type stream version occurredAt hash }
  }
}
"""

# A row of a read table, whatever its columns.
Row = dict[str, Any]


class Ledger:
    """Registrations of datasets, each under a key of its own that is the dataset's name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sent: list[str] = []
        self.answers: dict[str, Row] = {}

    async def register(self, server: ServerProcess, name: str) -> Row:
        """Register the dataset, with its intent and its answer written down. The answer may hold errors."""
        self._write("sent", name)
        self.sent.append(name)
        answer = await server.answer(REGISTER, name=name, key=name)
        self._write("answered", name)
        if "errors" not in answer:
            self.answers[name] = answer["data"]["registerDataset"]
        return answer

    def _write(self, what: str, name: str) -> None:
        with self.path.open("a") as ledger:
            ledger.write(f"{json.dumps([what, name])}\n")

    def recorded(self) -> list[str]:
        """The names that the file says were answered."""
        lines = map(json.loads, self.path.read_text().splitlines())
        return [name for what, name in lines if what == "answered"]


async def registered(server: ServerProcess) -> list[str]:
    """The names in the log, in order, by the events that registered them."""
    names: list[str] = []
    after = None
    while True:
        page = (
            await server.ask(
                'query ($after: String) { events(filter: {types: ["DatasetRegistered"]}, first: 500, after: $after)'
                " { nodes { data } pageInfo { endCursor hasNextPage } } }",
                after=after,
            )
        )["events"]
        names += [node["data"]["name"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return names
        after = page["pageInfo"]["endCursor"]


async def listed(server: ServerProcess) -> list[str]:
    """The names in the catalog, in its order."""
    names: list[str] = []
    after = None
    while True:
        page = (
            await server.ask(
                "query ($after: String) { datasets(first: 500, after: $after)"
                " { nodes { name } pageInfo { endCursor hasNextPage } } }",
                after=after,
            )
        )["datasets"]
        names += [node["name"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return names
        after = page["pageInfo"]["endCursor"]


async def read_tables(data_dir: Path) -> dict[str, list[Row]]:
    """Every row of every read table, in order of the key."""
    connection = await asyncpg.connect(DataDir(path=data_dir.resolve()).dsn())
    try:
        return {
            name: [dict(row) for row in await connection.fetch(f'select * from "{name}" order by id, valid_from')]
            for name in (str(table.__tablename__) for table in TABLES)
        }
    finally:
        await connection.close()
