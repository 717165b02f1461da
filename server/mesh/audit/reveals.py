"""Turning pseudonyms back: for whoever may, recorded before the answer, and never for a subject that was erased."""

import asyncio

from server.adapters.key_ring import KeyRing
from server.kernel.errors import BadUserInput, PreconditionFailed
from server.kernel.ids import Urn, name_of
from server.mesh.audit.service import AccessAudit, Reading
from server.mesh.batch.key_scope import key_scope
from server.mesh.dataset.queries import DatasetQueries, fields_of
from server.mesh.deletion.queries import DeletionQueries
from server.mesh.deletion.subjects import Subjects


class Reveals:
    """Opens pseudonyms with the keys of a dataset's scope."""

    def __init__(
        self,
        audit: AccessAudit,
        datasets: DatasetQueries,
        ring: KeyRing,
        subjects: Subjects,
        deletions: DeletionQueries,
    ) -> None:
        self._audit = audit
        self._datasets = datasets
        self._ring = ring
        self._subjects = subjects
        self._deletions = deletions

    async def reveal(self, dataset: str, column: str, value: str, reading: Reading) -> str:
        """The text behind a pseudonym. Raises: NotFound, BadUserInput, PreconditionFailed."""
        row = await self._datasets.known(dataset)
        if column not in {field.name for field in fields_of(row)}:
            raise BadUserInput(
                f"dataset {row.name!r} has no column {column[:140]!r}; name one of its schema", field="column"
            )
        text = await asyncio.to_thread(self._ring.reveal, key_scope(row.domain), value)
        place = (await self._audit.places([row.id]))[row.id]
        if place.lake is not None:
            await self._check_subject(place.lake, text)
        await self._audit.reveal(reading, place)
        return text

    async def _check_subject(self, lake: Urn, text: str) -> None:
        """Refuse what an erasure of this lake was about: a pseudonym kept elsewhere must not bring it back."""
        erased = await self._deletions.erased(lake, self._subjects.digest(lake, text))
        if erased is not None:
            raise PreconditionFailed(
                f"the subject behind this value was erased from lake {name_of(lake)!r} by request {name_of(erased)!r};"
                " it is not turned back"
            )
