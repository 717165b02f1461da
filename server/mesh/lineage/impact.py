"""What rests on an asset, or on some of its columns: assets, contracts, live grants, consumers and domains."""

import asyncio
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.ids import Kind, Urn
from server.kernel.lineage import LineageDirection
from server.kernel.quality_checks import UniqueWith, When, plain
from server.kernel.quality_grammar import parse_check
from server.mesh.lineage.columns.graphs import ColumnGraphs
from server.mesh.lineage.columns.walk import Affected
from server.mesh.lineage.neighbourhood import Asked, Reached
from server.mesh.lineage.queries import LineageSight

MAX_NAMED = 500  # columns of one question
MAX_EACH = 2_000  # contracts, grants, consumers and domains of one answer, each

_PORTS_SQL = """
select id from dataset where product = any($1::text[]) and valid_from <= $2 and valid_to > $2 order by id
"""
_ACTIVE = "from contract where dataset = any($1::text[]) and status = 'ACTIVE' and valid_from <= $2 and valid_to > $2"
_CONTRACTS_SQL = f"select id {_ACTIVE} order by id limit $3"
_RULES_SQL = f"select id, dataset, quality_rules, privacy_rules {_ACTIVE} order by id"
_LIVE = """
from consumption_grant g join batch b on b.id = g.batch and b.valid_from <= $2 and b.valid_to > $2
where b.dataset = any($1::text[]) and b.status = 'PUBLISHED' and g.valid_from <= $2 and g.valid_to > $2
  and g.revoked_at is null and g.expires_at > $3
"""
_GRANTS_SQL = f"select g.id {_LIVE} order by g.position limit $4"
_CONSUMERS_SQL = f"select distinct g.consumer {_LIVE} order by g.consumer limit $4"
_DOMAINS_SQL = """
select domain from product where id = any($1::text[]) and valid_from <= $2 and valid_to > $2
union
select domain from dataset
where id = any($1::text[]) and valid_from <= $2 and valid_to > $2 and domain is not null
order by 1 limit $3
"""


class Impacts:
    """Finds what rests on assets."""

    def __init__(self, pool: asyncpg.Pool, columns: ColumnGraphs, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._columns = columns
        self._clock = clock

    async def of(self, root: Urn, columns: Sequence[str] | None, position: int, sight: LineageSight) -> "Impact":
        """What rests on an asset that stands; with columns, on these. Raises: BadUserInput, LimitExceeded."""
        found = None
        if columns is not None:
            found = await self._affected(root, columns, position)
        asked = Asked(root=root, position=position, direction=LineageDirection.DOWNSTREAM, links=False)
        around = await sight.around(asked)
        nodes = around.nodes if found is None else tuple(each for each in around.nodes if each.urn in found.columns)
        return Impact(self._pool, root, nodes, found, position, self._clock(), cut=around.left_out is not None)

    async def _affected(self, root: Urn, columns: Sequence[str], position: int) -> Affected:
        if not columns:
            raise BadUserInput("columns is empty; name some, or leave it out for the whole asset", field="columns")
        if len(columns) > MAX_NAMED:
            raise LimitExceeded(f"{len(columns)} columns are named; {MAX_NAMED} are allowed: ask for some of them")
        names = await self._columns.named(root, columns, position, field="columns")
        return await self._columns.affected(root, list(dict.fromkeys(names)), position)


class Impact:
    """What rests on an asset at a position; what is not asked for is not read."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        root: Urn,
        nodes: tuple[Reached, ...],
        affected: Affected | None,
        position: int,
        now: datetime,
        *,
        cut: bool,
    ) -> None:
        self.nodes = nodes
        self.position = position
        self._pool = pool
        self._root = root
        self._affected = affected
        self._now = now
        self._cut = cut
        self._reads: dict[str, asyncio.Task[list[str]]] = {}

    async def contracts(self) -> list[str]:
        """Contracts by URN."""
        return (await self._once("contracts", self._read_contracts))[:MAX_EACH]

    async def grants(self) -> list[str]:
        """Grants by URN, the oldest first."""
        return (await self._once("grants", lambda: self._live(_GRANTS_SQL)))[:MAX_EACH]

    async def consumers(self) -> list[str]:
        """Who holds these grants."""
        return (await self._once("consumers", lambda: self._live(_CONSUMERS_SQL)))[:MAX_EACH]

    async def domains(self) -> list[str]:
        """Domains of the assets, by URN."""
        return (await self._once("domains", self._read_domains))[:MAX_EACH]

    async def complete(self) -> bool:
        """Whether nothing of all this is left out."""
        read = await asyncio.gather(
            self._once("contracts", self._read_contracts),
            self._once("grants", lambda: self._live(_GRANTS_SQL)),
            self._once("domains", self._read_domains),
        )
        return not self._cut and all(len(each) <= MAX_EACH for each in read)

    async def _once(self, name: str, read: Callable[[], Any]) -> list[str]:  # a coroutine function
        if name not in self._reads:
            self._reads[name] = asyncio.create_task(read())
        return await self._reads[name]

    async def _datasets(self) -> Mapping[str, frozenset[str] | None]:
        """The datasets concerned with their columns, None for all: also what concerned products hand out."""
        assets = [self._root, *(node.urn for node in self.nodes)]
        of = {asset: None if self._affected is None else self._affected.columns[asset] for asset in assets}
        products = [asset for asset in assets if asset.startswith(f"{Kind.PRODUCT}:")]
        ports = await self._once("ports", lambda: self._ids(_PORTS_SQL, products, self.position)) if products else []
        datasets = {asset: columns for asset, columns in of.items() if asset.startswith(f"{Kind.DATASET}:")}
        return datasets | dict.fromkeys(ports)

    async def _read_contracts(self) -> list[str]:
        datasets = await self._datasets()
        if self._affected is None:
            return await self._ids(_CONTRACTS_SQL, list(datasets), self.position, MAX_EACH + 1)
        rows = await self._pool.fetch(_RULES_SQL, list(datasets), self.position)
        return await asyncio.to_thread(_concerned, rows, datasets)

    async def _live(self, statement: str) -> list[str]:
        datasets = list(await self._datasets())
        return await self._ids(statement, datasets, self.position, self._now, MAX_EACH + 1)

    async def _read_domains(self) -> list[str]:
        assets = [node.urn for node in self.nodes]
        return await self._ids(_DOMAINS_SQL, assets, self.position, MAX_EACH + 1)

    async def _ids(self, statement: str, *arguments: object) -> list[str]:
        return [row[0] for row in await self._pool.fetch(statement, *arguments)]


def _concerned(rows: Sequence[asyncpg.Record], datasets: Mapping[str, frozenset[str] | None]) -> list[str]:
    """The contracts that speak of one of their dataset's columns here, or of whose dataset all columns count."""
    found: list[str] = []
    for row in rows:
        columns = datasets[row["dataset"]]
        rules = [*orjson.loads(row["quality_rules"]), *orjson.loads(row["privacy_rules"])]
        if columns is None or any(not columns.isdisjoint(_spoken_of(rule)) for rule in rules):
            found.append(row["id"])
    return found


def _spoken_of(rule: Mapping[str, Any]) -> set[str]:  # a rule as a JSON record
    columns = {rule["column"]}
    if "check" in rule:
        check = parse_check(rule["check"])
        if isinstance(check, When):
            columns.add(check.column)
        if isinstance(inner := plain(check), UniqueWith):
            columns.update(inner.columns)
    return {unicodedata.normalize("NFC", column) for column in columns if column is not None}
