"""Which files of a batch count: what the read tables, and what the log itself, name."""

from collections.abc import Collection

import asyncpg

from server.adapters.runs.queue import Connection
from server.adapters.storage.whose import BatchFile, What
from server.kernel.ids import Urn, name_of
from server.kernel.record import record
from server.kernel.recorded import FOREVER
from server.mesh.batch.state import Batch, BatchStatus

_ROWS = """
select id, dataset, array_agg(distinct coalesce(raw, checksum)) as raw, array_agg(distinct bronze) as bronze,
       array_agg(distinct silver) as silver, array_agg(distinct gold) as gold,
       bool_or(valid_to = $3 and step = 'EXPIRED') as expired
  from batch where id = any($1::text[]) and valid_to > $2 group by id, dataset"""
_CHECKS = """
select batch, array_agg(distinct attempt) as attempts from quality_report
 where batch = any($1::text[]) and valid_to = $2 group by batch"""


@record
class Named:
    """The files that a batch names, as the marks that tell them from others. `dataset`: its bare name."""

    dataset: str
    expired: bool
    raw: frozenset[str]
    bronze: frozenset[str]
    silver: frozenset[str]
    gold: frozenset[str]
    samples: frozenset[str]

    def names(self, file: BatchFile) -> bool:
        """Whether the file is among them."""
        if self.expired or file.dataset != self.dataset:
            return False
        match file.what:
            case What.RAW:
                return file.mark in self.raw
            case What.BRONZE | What.REJECTS:
                return file.mark in self.bronze
            case What.SAMPLES:
                return file.mark in self.samples
            case What.SILVER:
                return file.mark in self.silver
            case What.GOLD:
                return file.mark in self.gold


async def named_by_tables(
    source: asyncpg.Pool | Connection, batches: Collection[Urn], since: int | None
) -> dict[Urn, Named]:
    """What these batches name now, or named at any position after `since`; those that there are."""
    ids = list(batches)
    rows = await source.fetch(_ROWS, ids, FOREVER - 1 if since is None else since, FOREVER)
    checks = {row["batch"]: _marks(row["attempts"]) for row in await source.fetch(_CHECKS, ids, FOREVER)}
    return {
        Urn(row["id"]): Named(
            dataset=name_of(Urn(row["dataset"])),
            expired=row["expired"],
            raw=frozenset(row["raw"]),
            bronze=_marks(row["bronze"]),
            silver=_marks(row["silver"]),
            gold=_marks(row["gold"]),
            samples=checks.get(row["id"], frozenset()),
        )
        for row in rows
    }


def named_by_log(state: Batch) -> Named:
    """What a batch names by its own events, samples aside: only the tables list every check."""
    return Named(
        dataset=name_of(state.dataset),
        expired=state.step is BatchStatus.EXPIRED,
        raw=frozenset([state.raw_digest]),
        bronze=_marks([state.bronze]),
        silver=_marks([state.silver]),
        gold=_marks([state.gold]),
        samples=frozenset(),
    )


def _marks(attempts: Collection[int | None]) -> frozenset[str]:
    return frozenset(str(attempt) for attempt in attempts if attempt is not None)
