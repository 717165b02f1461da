"""Following the log: each event that changes what is published has the Delta log of its dataset brought up to it.

It looks once a second for the few events that matter, so that the live feed rests while nobody else reads it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from server.adapters.store.log import EventQuery, StoredEvent
from server.kernel.ids import Kind, Urn
from server.mesh.batch.facts import (
    BatchExpired,
    BatchQuarantined,
    BatchReplayed,
    DataPublished,
    QuarantineReleased,
    SubjectErased,
)
from server.mesh.dataset.domain import DatasetSchemaEvolved
from server.mesh.publishing.projector import DeltaProjector

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
RETRY_SECONDS = 2.0  # after a failure, which may be a full disk or Postgres away
_CHANGES = (
    DataPublished,
    BatchReplayed,
    BatchQuarantined,
    QuarantineReleased,
    BatchExpired,
    SubjectErased,
    DatasetSchemaEvolved,
)
_EVENTS = EventQuery(types=tuple(event.__name__ for event in _CHANGES))


class _Following:
    """What is still to be brought up to date. A dataset is marked again by each event, and done once for many."""

    def __init__(self, projector: DeltaProjector) -> None:
        self._projector = projector
        self._marked: set[Urn] = set()
        self._wake = asyncio.Event()

    async def look(self) -> None:
        """Mark all that may be behind, then each dataset as its events come."""
        position: int | None = None
        while True:
            try:
                position = await self._look_on(position)
            except Exception as error:  # whatever it is, the next look finds what this one missed
                logger.warning("the Delta projector cannot read the log (%s); it looks again", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _look_on(self, position: int | None) -> int:
        """Mark what has changed since a position, None for ever; the position up to which it has looked."""
        if position is None:
            head = await self._projector.head()
            self._mark(*await self._projector.published())
            return head
        head, events = await self._projector.recorded_since(position, _EVENTS)
        self._mark(*(dataset for event in events for dataset in _datasets(event)))
        return head

    async def work(self) -> None:
        """Bring marked datasets up to date, one after the other."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._marked:
                dataset = self._marked.pop()
                try:
                    await self._projector.bring(dataset)
                except Exception as error:  # nothing is lost: the log only stays behind
                    logger.warning("the Delta log of %s is behind (%s); tried again", dataset, error)
                    self._mark(dataset)
                    await asyncio.sleep(RETRY_SECONDS)

    def _mark(self, *datasets: Urn) -> None:
        if datasets:
            self._marked.update(datasets)
            self._wake.set()


@asynccontextmanager
async def following(projector: DeltaProjector) -> AsyncGenerator[None]:
    """Keep all Delta logs up to date while the block runs."""
    state = _Following(projector)
    tasks = [
        asyncio.create_task(state.look(), name="delta-look"),
        asyncio.create_task(state.work(), name="delta-work"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _datasets(event: StoredEvent) -> set[Urn]:
    """The datasets that the event is about, or on whose stream it stands."""
    return {Urn(thing) for thing in (event.stream, *event.about) if thing.startswith(f"{Kind.DATASET}:")}
