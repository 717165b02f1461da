"""Reappearance: batches that come, again or into a lake, are looked through for subjects of erasure requests.

A place in the log says how far it has looked, so that nothing is missed whoever was down meanwhile.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial

import asyncpg
import duckdb
import orjson

from server.adapters.engine.erasure.digests import rows_with_digests
from server.adapters.engine.session import Engine
from server.adapters.storage import layout
from server.adapters.storage.port import ObjectMissing, Storage
from server.adapters.store.commands import Commands
from server.adapters.store.locks import locked
from server.kernel.ids import Urn, name_of
from server.kernel.record import record
from server.kernel.recorded import FOREVER
from server.mesh.batch.facts import BatchReplayed, DataAppended
from server.mesh.batch.facts_now import FactsNow
from server.mesh.deletion.subjects import Subjects
from server.mesh.events.own_runs import own_intent
from server.mesh.lake.commands import ReportReappearance
from server.mesh.lake.facts import DatasetIngested
from server.mesh.lake.stream import LAKES

logger = logging.getLogger(__name__)

AT_ONCE = 200  # events
LOOKS = 5  # at a batch that gets new files while it is looked through

_TYPES = tuple(event.__name__ for event in (DataAppended, BatchReplayed, DatasetIngested))
_POSITION = "select coalesce((select position from subject_watch where name = 'arrivals'), 0)"
_EVENTS = """
select position, type, data::text as data from events
 where position > $1 and type = any($2::text[]) order by position limit $3"""
_SEEN = """
insert into subject_watch (name, position) values ('arrivals', $1)
on conflict (name) do update set position = greatest(subject_watch.position, excluded.position)"""
_BATCHES = f"""
select b.id, b.dataset, d.lake from batch b join dataset d on d.id = b.dataset and d.valid_to = {FOREVER}
 where (b.id = any($1::text[]) or b.dataset = any($2::text[])) and b.valid_to = {FOREVER} and b.bronze is not null
   and exists (select from gdpr_deletion g where g.lake = d.lake and g.valid_to = {FOREVER} and g.status <> 'REJECTED')
 order by b.position"""  # noqa: S608  # our constant
_ENTERED = """
select data ->> 'dataset' as dataset, min(position) as position from events
 where type = 'DatasetIngested' and data ->> 'dataset' = any($1::text[]) group by 1"""
_STANDS = f"select bronze, schema_version from batch where id = $1 and valid_to = {FOREVER}"  # noqa: S608  # our constant
_REQUESTS = f"""
select distinct on (subject_digest) id, subject_digest, position, status from gdpr_deletion
 where lake = $1 and valid_to = {FOREVER} and status <> 'REJECTED' order by subject_digest, position desc"""  # noqa: S608  # our constant


@record
class Arrival:
    """A batch to look through. `came`, `replayed`: where it came into the lake and was made anew; 0: not now."""

    batch: Urn
    dataset: Urn
    lake: Urn
    came: int
    replayed: int


class Reappearances:
    """Looks for them."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        commands: Commands,
        facts: FactsNow,
        subjects: Subjects,
        storage: Storage,
        engine: Engine,
    ) -> None:
        self._pool = pool
        self._commands = commands
        self._facts = facts
        self._subjects = subjects
        self._storage = storage
        self._engine = engine

    async def look(self) -> int:
        """Look through all that came since the last look; how many events that were."""
        looked = 0
        while events := await self._events():
            async with locked(self._pool, "subjects that come back"):
                events = await self._events()  # another process may have looked meanwhile
                await self._look_through_all(await self._arrivals(events))
                if events:
                    await self._pool.execute(_SEEN, events[-1]["position"])
            looked += len(events)
        return looked

    async def _events(self) -> Sequence[asyncpg.Record]:
        position = await self._pool.fetchval(_POSITION)
        events: Sequence[asyncpg.Record] = await self._pool.fetch(_EVENTS, position, list(_TYPES), AT_ONCE)
        return events

    async def _arrivals(self, events: Sequence[asyncpg.Record]) -> Sequence[Arrival]:
        """The batches that the events are about, those in lakes of which erasures were asked."""
        appended: dict[str, int] = {}
        replayed: dict[str, int] = {}
        datasets: set[str] = set()
        for event in events:
            data = orjson.loads(event["data"])
            match event["type"]:
                case DataAppended.__name__:
                    appended[data["batch"]] = event["position"]
                case BatchReplayed.__name__:
                    replayed[data["batch"]] = event["position"]
                case _:
                    datasets.add(data["dataset"])
        first = events[0]["position"] if events else 0
        entered = await self._pool.fetch(_ENTERED, list(datasets)) if datasets else ()
        ingested = {row["dataset"]: row["position"] for row in entered if row["position"] >= first}
        rows = await self._pool.fetch(_BATCHES, [*appended, *replayed], list(ingested))
        return [
            Arrival(
                batch=Urn(row["id"]),
                dataset=Urn(row["dataset"]),
                lake=Urn(row["lake"]),
                came=max(appended.get(row["id"], 0), ingested.get(row["dataset"], 0)),
                replayed=replayed.get(row["id"], 0),
            )
            for row in rows
        ]

    async def _look_through_all(self, arrivals: Sequence[Arrival]) -> None:
        """A file that cannot be read holds up none of the others; all are looked through again until it can be."""
        failure: Exception | None = None
        for arrival in arrivals:
            try:
                await self._look_through(arrival)
            except (duckdb.Error, ObjectMissing) as error:
                logger.warning(
                    "%s cannot be looked through for erased subjects: %s", arrival.batch, type(error).__name__
                )
                failure = error
        if failure is not None:
            raise failure

    async def _look_through(self, arrival: Arrival) -> None:
        requests = {
            row["subject_digest"]: row
            for row in await self._pool.fetch(_REQUESTS, arrival.lake)
            if row["position"] < (max(arrival.came, arrival.replayed) if row["status"] == "COMPLETED" else arrival.came)
        }
        if not requests:
            return
        for digest, rows in (await self._found(arrival, list(requests))).items():
            command = ReportReappearance(
                deletion=Urn(requests[digest]["id"]), dataset=arrival.dataset, batch=arrival.batch, rows=rows
            )
            await self._commands.execute(LAKES, arrival.lake, command, own_intent(), about=(command.deletion,))

    async def _found(self, arrival: Arrival, digests: Sequence[str]) -> Mapping[str, int]:
        """How many rows of the batch are of each subject."""
        key = await asyncio.to_thread(self._subjects.digest_key, arrival.lake)
        for look in range(LOOKS):
            row = await self._pool.fetchrow(_STANDS, arrival.batch)
            if row is None or row["bronze"] is None:
                break
            columns = await self._facts.columns(arrival.dataset, row["schema_version"])
            personal = [field for field in columns if field.is_personal]
            place = layout.bronze(name_of(arrival.dataset), name_of(arrival.batch), row["bronze"])
            try:
                path = await asyncio.to_thread(self._storage.read_path, place)
                work = partial(rows_with_digests, file=path, fields=personal, key=key, digests=digests)
                return await self._engine.run(work, heavy=True)
            except (ObjectMissing, duckdb.IOException):  # it got new files meanwhile
                if look == LOOKS - 1:
                    raise
        return {}
