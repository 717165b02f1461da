"""What an erasure came to: the rows gone by batch and layer, as the log says, and what this server cannot reach."""

from collections.abc import Collection, Sequence

import asyncpg

from server.kernel.ids import Urn, name_of
from server.kernel.layer import Layer
from server.kernel.record import record
from server.kernel.recorded import FOREVER
from server.mesh.lake.facts import ErasedRows

_ERASED = """
select data ->> 'batch' as batch,
       sum((data ->> 'erased_bronze')::bigint + (data ->> 'erased_rejects')::bigint)::bigint as bronze,
       sum((data ->> 'erased_silver')::bigint)::bigint as silver, sum((data ->> 'erased_gold')::bigint)::bigint as gold
  from events where type = 'SubjectErased' and data ->> 'deletion' = $1 group by 1 order by min(position)"""
_FIRST = """
select min(position) from events
 where type = 'SubjectErased' and data ->> 'deletion' = $1 and starts_with(meta ->> 'key', $2)"""
_GRANTS = f"""
select id, batch from consumption_grant
 where batch = any($1::text[]) and valid_to = {FOREVER} order by position"""  # noqa: S608  # our constant
_PARQUET = f"""
select count(*) from batch
 where dataset = any($1::text[]) and id <> all($2::text[]) and valid_to = {FOREVER} and bronze is not null
   and exists (
     select from events where stream = batch.id and type = 'DataAppended' and data ->> 'format' = 'PARQUET')"""  # noqa: S608  # our constant

BEYOND = (
    "copies that readers made of rows which this server gave them",
    "backups of the database, of DATA_DIR and of the keys that were made outside this server",
    "earlier versions and snapshots that the disk or the store under it keeps by itself",
)


@record
class ErasedBatch:
    """What went from one batch; rows that were set aside count as rows of bronze."""

    batch: Urn
    rows: dict[Layer, int]


class Outcomes:
    """Reads them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def batches(self, deletion: Urn) -> Sequence[ErasedBatch]:
        """What went so far, whichever attempt at the run it was."""
        return [
            ErasedBatch(batch=Urn(row["batch"]), rows={layer: row[layer.lower()] for layer in Layer})
            for row in await self._pool.fetch(_ERASED, deletion)
        ]

    async def first_position(self, deletion: Urn, run: Urn) -> int | None:
        """Where the first event of the run stands."""
        found: int | None = await self._pool.fetchval(_FIRST, deletion, run)
        return found

    async def downloads(self, batches: Sequence[ErasedBatch]) -> list[str]:
        """What consumers may have fetched of these batches, grant by grant."""
        grants = await self._pool.fetch(_GRANTS, [one.batch for one in batches])
        return [
            # not who: a consumer's name may hold another person's id, and this is kept for ever
            f"what was fetched of batch {name_of(Urn(row['batch']))} by {row['id']}"
            for row in grants
        ]

    async def dictionaries(self, datasets: Collection[Urn], erased: Sequence[ErasedBatch]) -> list[str]:
        """What nobody can see in Parquet files without taking them apart; a file that was rewritten has none of it."""
        count = await self._pool.fetchval(_PARQUET, list(datasets), [one.batch for one in erased])
        return [f"entries of dictionaries that no row uses, in uploads in Parquet: {count}"] if count else []


def erased_rows(batches: Sequence[ErasedBatch]) -> tuple[ErasedRows, ...]:
    """The rows as the completion tells them: batch by batch, layers that lost none left out."""
    return tuple(
        ErasedRows(batch=one.batch, layer=layer, rows=rows)
        for one in batches
        for layer, rows in one.rows.items()
        if rows
    )
