"""The list of compacted files: which stand for reading, which are on their way out."""

from collections.abc import Collection, Sequence

import asyncpg

from server.kernel.ids import Urn
from server.kernel.layer import Layer
from server.kernel.record import record
from server.kernel.recorded import FOREVER
from server.mesh.rows.pieces import CompactFile, Made

KNOWN = 1000  # files whose lists are remembered

# A reader that found a file just before it was retired may be at it for as long as an address of it lives.
READERS_LEAVE = "1 hour"

_COLUMNS = "number, dataset, layer, generation, batches, attempts, rows, size_bytes"

_LOCK = "select pg_advisory_xact_lock(hashtextextended('compacted ' || $1::text, 0))"

_STANDING = """
select number from compact_file
 where dataset = any($1::text[]) and layer = $2 and retired_at is null order by number"""

_FILES = f"select {_COLUMNS} from compact_file where number = any($1::bigint[])"  # noqa: S608  # our columns

_MOVED_ON = f"""
select exists (
  select from unnest($1::text[], $2::bigint[]) as copied (batch, attempt)
   where not exists (
     select from batch b
      where b.id = 'batch:' || copied.batch and b.valid_to = {FOREVER} and b.status <> 'EXPIRED'
        and case $3 when 'BRONZE' then b.bronze when 'SILVER' then b.silver else b.gold end = copied.attempt))"""  # noqa: S608  # our constant

_ADD = f"""
insert into compact_file ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8)"""  # noqa: S608  # our columns

_RETIRE = """
update compact_file set retired_at = clock_timestamp() where number = any($1::bigint[]) and retired_at is null"""

_STILL = "select count(*) from compact_file where number = any($1::bigint[]) and retired_at is null"

_RETIRE_WITH = f"""
update compact_file set retired_at = coalesce(retired_at, clock_timestamp())
 where dataset = $1 and $2 = any(batches)
returning {_COLUMNS}"""  # noqa: S608  # our columns

_OUT = f"""
select {_COLUMNS} from compact_file
 where retired_at < clock_timestamp() - interval '{READERS_LEAVE}'"""  # noqa: S608  # our columns and constant

# Datasets with many small files that no compacted one holds, or with one of whose rows less than half still count.
_CANDIDATES = f"""
with copied as (
  select f.number, f.dataset, f.layer, m.batch, m.attempt, m.rows
    from compact_file f, unnest(f.batches, f.attempts, f.rows) as m (batch, attempt, rows)
   where f.retired_at is null),
standing as (
  select b.dataset, l.layer, b.batch_id as batch, l.attempt, b.row_count, b.size_bytes
    from batch b, lateral (values ('BRONZE', b.bronze), ('SILVER', b.silver), ('GOLD', b.gold)) as l (layer, attempt)
   where b.valid_to = {FOREVER} and l.attempt is not null and b.status not in ('QUARANTINED', 'EXPIRED'))
select s.dataset from standing s left join copied c using (dataset, layer, batch, attempt)
 where c.number is null and s.row_count <= $2 and s.size_bytes <= $3
 group by s.dataset, s.layer having count(*) >= $1
union
select c.dataset from copied c left join standing s using (dataset, layer, batch, attempt)
 group by c.number, c.dataset having coalesce(sum(c.rows) filter (where s.batch is not null), 0) * 2 < sum(c.rows)
"""  # noqa: S608  # our constant


@record
class Thresholds:
    """From when on files are worth merging: `enough` small ones, or `generation_files` copies of one generation.

    A file is small while it has at most `rows` rows and came as at most `size_bytes`.
    """

    enough: int
    rows: int
    size_bytes: int
    generation_files: int


class CompactFiles:
    """The list in Postgres. What changes it holds the dataset's lock, so that nobody adds what another forgets."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._known: dict[int, CompactFile] = {}  # what a file holds never changes

    async def standing(self, datasets: Collection[str], layer: Layer) -> Sequence[CompactFile]:
        """The files from which rows of these datasets may be read."""
        numbers = [row["number"] for row in await self._pool.fetch(_STANDING, list(datasets), layer.value)]
        known = self._known
        if missing := [number for number in numbers if number not in known]:
            known = {number: known[number] for number in (known if len(known) < KNOWN else numbers) if number in known}
            known |= {row["number"]: _file(row) for row in await self._pool.fetch(_FILES, missing)}
            self._known = known
        return [known[number] for number in numbers if number in known]

    async def replace(self, file: CompactFile, instead_of: Collection[int]) -> bool:
        """Let a finished file stand and retire those that it replaces; False where that is out of date.

        It is where a batch in it has moved on, or one of `instead_of` was retired meanwhile.
        """
        made = list(file.copied)
        batches, attempts = [one.batch for one in made], [one.attempt for one in made]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK, file.dataset)
            if await connection.fetchval(_MOVED_ON, batches, attempts, file.layer.value):
                return False
            if await connection.fetchval(_STILL, list(instead_of)) < len(instead_of):
                return False
            await connection.execute(_RETIRE, list(instead_of))
            rows = [file.copied[one] for one in made]
            await connection.execute(
                _ADD,
                file.number,
                file.dataset,
                file.layer.value,
                file.generation,
                batches,
                attempts,
                rows,
                file.size_bytes,
            )
        return True

    async def retire(self, files: Collection[CompactFile]) -> None:
        """Let these serve nobody new."""
        await self._pool.execute(_RETIRE, [file.number for file in files])

    async def retire_with(self, dataset: str, batch: str) -> Sequence[CompactFile]:
        """Retire every file that holds rows of a batch, of any attempt; those retired before are answered too."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK, dataset)
            return [_file(row) for row in await connection.fetch(_RETIRE_WITH, dataset, batch)]

    async def out(self) -> Sequence[CompactFile]:
        """Retired files that no reader can be at any more."""
        return [_file(row) for row in await self._pool.fetch(_OUT)]

    async def remove(self, files: Collection[CompactFile]) -> None:
        """Strike files off the list, once storage has let go of them."""
        await self._pool.execute(
            "delete from compact_file where number = any($1::bigint[])", [file.number for file in files]
        )

    async def keys(self) -> frozenset[str]:
        """The keys of all files on the list, the retired ones included."""
        return frozenset(_file(row).key for row in await self._pool.fetch(f"select {_COLUMNS} from compact_file"))  # noqa: S608  # our columns

    async def candidates(self, above: Thresholds) -> Sequence[Urn]:
        """Datasets in which a layer has enough small files that no compacted one holds, or a file mostly outlived."""
        rows = await self._pool.fetch(_CANDIDATES, above.enough, above.rows, above.size_bytes)
        return [Urn(row["dataset"]) for row in rows]


def _file(row: asyncpg.Record) -> CompactFile:
    made = map(Made, row["batches"], row["attempts"])
    return CompactFile(
        number=row["number"],
        dataset=Urn(row["dataset"]),
        layer=Layer(row["layer"]),
        generation=row["generation"],
        copied=dict(zip(made, row["rows"], strict=True)),
        size_bytes=row["size_bytes"],
    )
