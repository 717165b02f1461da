"""Deleting a data product: with its lineage, and never while consumers may read what it publishes."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import asyncpg

from server.adapters.store.append import StreamCheck
from server.adapters.store.commands import Commands, Decision, Receipt, decide
from server.adapters.store.locks import product_datasets_locked
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.kernel.text import said
from server.mesh.batch.queries import BatchQueries, BatchRow
from server.mesh.batch.state import BatchStatus
from server.mesh.dataset.queries import DatasetQueries
from server.mesh.lineage.service import LineageService
from server.mesh.lineage.turn import TRIES, Turn
from server.mesh.product.domain import DeleteProduct
from server.mesh.product.service import AGGREGATE, product_named


class ProductDeletion:
    """Deletes data products."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        commands: Commands,
        datasets: DatasetQueries,
        batches: BatchQueries,
        lineage: LineageService,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._commands = commands
        self._datasets = datasets
        self._batches = batches
        self._lineage = lineage
        self._clock = clock

    async def delete(self, name: str, reason: str | None, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Take a product and its edges away. Raises: BadUserInput, NotFound, PreconditionFailed, Conflict."""
        product = product_named(name)
        why = None if reason is None else said(reason, field="reason")

        async def attempt() -> Decision:
            async with self._lineage.turn() as turn:
                return await self._decision(product, why, turn)

        async with product_datasets_locked(self._pool, product):
            return product, await self._commands.perform(intent, attempt, tries=TRIES)

    async def _decision(self, product: Urn, reason: str | None, turn: Turn) -> Decision:
        """The end of the product and of its edges; who publishes or grants meanwhile moves the stream of a batch."""
        loaded = await self._commands.load(AGGREGATE, product)
        datasets = tuple(Urn(row.id) for row in await self._datasets.of_product(product))
        batches = await self._batches.lasting(datasets)
        published = [row for row in batches if row.status == BatchStatus.PUBLISHED]
        command = DeleteProduct(
            product=product, reason=reason, datasets=datasets, granted=await self._granted(published)
        )
        about = () if loaded.state is None else (product, loaded.state.domain, *datasets)
        decision = decide(AGGREGATE, product, loaded, command, about)
        guards = (StreamCheck(stream=Urn(row.id), version=row.revision) for row in batches)
        return Decision(
            checks=(*decision.checks, turn.check, *guards),
            events=(*turn.removals(product, reason), *decision.events),
        )

    async def _granted(self, published: Sequence[BatchRow]) -> Mapping[Urn, Sequence[Urn]]:
        """The live grants on published batches, by batch."""
        found: dict[Urn, list[Urn]] = defaultdict(list)
        for grant in await self._batches.live_grants([row.id for row in published], self._clock()):
            found[Urn(grant.batch)].append(Urn(grant.id))
        return found
