"""Published batches in which personal columns stand as they were, which a STRICT lake does not take in."""

from collections.abc import Mapping, Sequence

from server.adapters.store.listing import At
from server.adapters.store.reader import NOW
from server.kernel.ids import Urn
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.queries import BatchQueries, BatchRow, rules_of
from server.mesh.batch.state import left_as_it_was
from server.mesh.dataset.queries import DatasetRow
from server.mesh.lake.commands import BareBatch


class BareBatches:
    """Finds them."""

    def __init__(self, batches: BatchQueries, facts: FactsNow) -> None:
        self._batches = batches
        self._facts = facts

    async def first(self, dataset: DatasetRow) -> BareBatch | None:
        """The oldest of a dataset's; those in quarantine count, for their release brings back what was published."""
        published = [row for row in await self._batches.of_dataset(dataset.id) if row.gold is not None]
        personal = await self._personal(dataset, published)
        asked = [At(row.id, NOW) for row in published if row.silver is not None and personal[row.schema_version]]
        reports = await self._batches.privacy_reports(asked)
        for row in published:
            applied = reports[At(row.id, NOW)][-1].rules if At(row.id, NOW) in reports else []
            bare = left_as_it_was(personal[row.schema_version], rules_of(applied), ())
            if bare:
                return BareBatch(batch=Urn(row.id), columns=bare)
        return None

    async def _personal(self, dataset: DatasetRow, published: Sequence[BatchRow]) -> Mapping[int, Sequence[str]]:
        """The personal columns by the version of the schema under which rows were written."""
        versions = sorted({row.schema_version for row in published})
        columns = {version: await self._facts.columns(dataset.id, version) for version in versions}
        return {version: [field.name for field in fields if field.pii] for version, fields in columns.items()}
