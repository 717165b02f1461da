"""Looks at a batch before it is anonymised: what rules would do, which rules it may need. Records nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from server.adapters.engine.privacy.detection import suggest
from server.adapters.engine.privacy.preview import Preview, preview
from server.adapters.engine.session import Engine
from server.adapters.key_ring import KeyRing
from server.adapters.storage import layout
from server.adapters.storage.port import Storage
from server.adapters.store.commands import Commands
from server.kernel.errors import BadUserInput, LimitExceeded, PreconditionFailed
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.personal import Suggestion
from server.kernel.privacy import PrivacyRule, check_privacy
from server.mesh.batch.domain import ready
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.files import place_of
from server.mesh.batch.key_scope import key_scope
from server.mesh.batch.state import Batch
from server.mesh.batch.stream import BATCHES
from server.mesh.contract.queries import terms_of_row

SAMPLE_ROWS_MOST = 100


class Previews:
    """Reads batches as the privacy rules would meet them."""

    def __init__(self, commands: Commands, storage: Storage, engine: Engine, ring: KeyRing, facts: FactsNow) -> None:
        self._commands = commands
        self._storage = storage
        self._engine = engine
        self._ring = ring
        self._facts = facts

    async def anonymization(self, batch_id: str, rules: Sequence[PrivacyRule] | None, sample_rows: int) -> Preview:
        """What anonymizeData would do with these rules, or with the contract's.

        Raises: NotFound, PreconditionFailed, BadUserInput, LimitExceeded.
        """
        if sample_rows < 0:
            raise BadUserInput(f"sampleRows is {sample_rows}; ask for 0 to {SAMPLE_ROWS_MOST}", field="sampleRows")
        if sample_rows > SAMPLE_ROWS_MOST:
            raise LimitExceeded(
                f"sampleRows is {sample_rows}; at most {SAMPLE_ROWS_MOST} are shown", field="sampleRows"
            )
        batch = await self._batch(batch_id)
        fields = await self._facts.columns(batch.dataset, batch.schema_version)
        if not rules:
            contract = await self._facts.contracts.known(batch.contract)
            rules = terms_of_row(contract).privacy_rules
            await self._facts.check_fit(contract, batch.schema_version, rules)
        if not rules:
            raise PreconditionFailed(
                f"batch {name_of(batch.batch)!r} has no privacy rules to preview: give rules, or add some to its"
                " contract"
            )
        applied = check_privacy(rules, fields)
        bronze = await self._bronze(batch)
        staged = self._storage.staging()
        scope = key_scope((await self._facts.datasets.known(batch.dataset)).domain)
        keys = await asyncio.to_thread(self._ring.keys, scope, f"preview {staged.name}")
        return await self._engine.run(
            lambda cursor: preview(cursor, bronze, staged, fields, applied, keys, sample_rows), heavy=True
        )

    async def dataset(self, batch_id: str) -> Urn:
        """The dataset of a batch that can be looked at. Raises: NotFound, PreconditionFailed."""
        return (await self._batch(batch_id)).dataset

    async def suggestions(self, batch_id: str) -> Sequence[Suggestion]:
        """The columns whose values look personal. Raises: NotFound, PreconditionFailed."""
        batch = await self._batch(batch_id)
        fields = await self._facts.columns(batch.dataset, batch.schema_version)
        bronze = await self._bronze(batch)
        return await self._engine.run(lambda cursor: suggest(cursor, bronze, fields), heavy=False)

    async def _batch(self, batch_id: str) -> Batch:
        urn = reference(Kind.BATCH, batch_id, field="batchId")
        return ready(urn, (await self._commands.load(BATCHES, urn)).state)

    async def _bronze(self, batch: Batch) -> Path:
        place = place_of(batch)
        return await asyncio.to_thread(self._storage.read_path, layout.bronze(place.dataset, place.batch, batch.bronze))
