"""What the rules of a check need besides the batch: the instant, and the files of other batches that they look into."""

from collections.abc import Callable, Sequence
from datetime import datetime

from server.adapters.engine.quality.context import RuleContext
from server.kernel.errors import PreconditionFailed
from server.kernel.fields import Field
from server.kernel.ids import name_of
from server.kernel.layer import Layer
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import UniqueInDataset, plain
from server.kernel.quality_grammar import parse_check
from server.mesh.batch.state import Batch
from server.mesh.dataset.queries import DatasetQueries
from server.mesh.dataset.referenced import broken_reference, referenced_datasets
from server.mesh.rows.sources import Sources


class RuleContexts:
    """Finds the context of a check when it begins."""

    def __init__(self, datasets: DatasetQueries, sources: Sources, clock: Callable[[], datetime]) -> None:
        self._datasets = datasets
        self._sources = sources
        self._clock = clock

    async def of(self, batch: Batch, fields: Sequence[Field], rules: Sequence[QualityRule]) -> RuleContext:
        """The context of rules that fit `fields`. Raises: PreconditionFailed, where a referenced column is gone."""
        if (broken := await broken_reference(self._datasets, rules, fields)) is not None:
            raise PreconditionFailed(
                f"batch {name_of(batch.batch)!r} cannot be checked: {broken}; change the rule with updateContract"
            )
        others = await referenced_datasets(self._datasets, rules, fields)
        in_dataset = any(isinstance(plain(parse_check(rule.check)), UniqueInDataset) for rule in rules)
        return RuleContext(
            now=self._clock(),
            batch=name_of(batch.batch),
            dataset_sources=await self._sources.of(batch.dataset, Layer.BRONZE) if in_dataset else (),
            references={name: await self._sources.of(row.id, Layer.BRONZE) for name, row in others.items()},
        )
