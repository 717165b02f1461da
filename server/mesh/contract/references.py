"""Contracts whose rules look into other datasets: what they name is there, and none goes round in a circle."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from server.adapters.store.locks import locked
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.quality import QualityRule
from server.kernel.quality_references import circle, references
from server.mesh.contract.queries import ContractQueries, ContractRow, terms_of_row
from server.mesh.dataset.queries import DatasetQueries, DatasetRow, fields_of
from server.mesh.dataset.referenced import referenced_datasets

LOCK = "references of contracts"


class References:
    """Guards the rules of contracts that look into other datasets."""

    def __init__(self, pool: asyncpg.Pool, contracts: ContractQueries, datasets: DatasetQueries) -> None:
        self._pool = pool
        self._contracts = contracts
        self._datasets = datasets

    @asynccontextmanager
    async def alone(self, rules: Sequence[QualityRule]) -> AsyncGenerator[None]:
        """Be the only one who defines such rules: two at once could close a circle. Raises: BadUserInput."""
        if await asyncio.to_thread(references, rules):  # texts take long to read
            async with locked(self._pool, LOCK):
                yield
        else:
            yield

    async def check(self, contract: Urn, dataset: DatasetRow, rules: Sequence[QualityRule]) -> None:
        """Refuse what the contract may not say. Raises: NotFound, BadUserInput, PreconditionFailed."""
        found = await referenced_datasets(self._datasets, rules, fields_of(dataset))
        if not found:
            return
        rows = [row for row in await self._contracts.all_active() if row.id != contract]
        await asyncio.to_thread(refuse_circle, dataset.id, {row.id for row in found.values()}, rows)


def refuse_circle(dataset: str, looks_into: Collection[str], others: Iterable[ContractRow]) -> None:
    """Refuse rules of `dataset` that look into these datasets, if the other contracts lead back from there.

    Raises: PreconditionFailed, with the circle as `path` in its details.
    """
    leads_to = {dataset: set(looks_into)}
    for row in others:
        named = references(terms_of_row(row).quality_rules)
        leads_to.setdefault(row.dataset, set()).update(
            reference(Kind.DATASET, refers.dataset, field="check") for _, refers in named
        )
    path = circle(dataset, leads_to)
    if path is not None:
        names = [name_of(Urn(one)) for one in path]
        raise PreconditionFailed(
            f"rules that look into other datasets would go round in a circle ({' > '.join(names)});"
            f" leave out the rule of {names[0]!r} that looks into {names[1]!r}",
            field="qualityRules",
            path=names,
        )
