"""Grants: giving and ending them, and the addresses through which they are used."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from server.adapters.storage import layout
from server.adapters.storage.signing import DEFAULT_LIFETIME, Permit, Signer
from server.adapters.store.commands import Commands, Receipt
from server.adapters.store.listing import At
from server.adapters.store.reader import NOW
from server.kernel.address import Address
from server.kernel.data_format import DataFormat
from server.kernel.errors import BadUserInput, Forbidden
from server.kernel.ids import Kind, Urn, name_of, reference, urn
from server.kernel.intent import Intent
from server.kernel.purpose import HEADER, check_purpose
from server.kernel.text import said
from server.mesh.audit.service import Access, AccessAudit, Action, Reading
from server.mesh.batch.commands import GrantConsumption, RevokeConsumption
from server.mesh.batch.queries import BatchQueries, BatchRow, GrantRow
from server.mesh.batch.stream import BATCHES

LONGEST_GRANT = timedelta(days=366)
UNSAID = f"this grant says none: send it as the header {HEADER}, or ask the owner for a grant with a purpose"


class Grants:
    """Lets consumers read published batches."""

    def __init__(
        self,
        commands: Commands,
        batches: BatchQueries,
        audit: AccessAudit,
        signer: Signer,
        clock: Callable[[], datetime],
    ) -> None:
        self._commands = commands
        self._batches = batches
        self._audit = audit
        self._signer = signer
        self._clock = clock

    async def grant(
        self,
        batch_id: str,
        *,
        consumer: str,
        purpose: str | None,
        format: DataFormat,
        expires_in_seconds: int,
        intent: Intent,
    ) -> tuple[Urn, Receipt]:
        """Give a grant. Raises: NotFound, PreconditionFailed, BadUserInput."""
        longest = int(LONGEST_GRANT.total_seconds())
        if not 1 <= expires_in_seconds <= longest:
            raise BadUserInput(
                f"expiresInSeconds {expires_in_seconds} is out of bounds: 1 to {longest}", field="expiresInSeconds"
            )
        if format is not DataFormat.PARQUET:
            raise BadUserInput(
                f"a grant gives published files, which are PARQUET, not {format}; leave format out, and read other"
                " formats with streamUrl",
                field="format",
            )
        batch = reference(Kind.BATCH, batch_id, field="batchId")
        await self._admit(batch, None if purpose is None else check_purpose(purpose))
        command = GrantConsumption(
            batch=batch,
            grant=urn(Kind.GRANT, str(uuid.UUID(bytes=intent.seed()[:16], version=4))),
            consumer=said(consumer, field="consumer", need="name who may read"),
            purpose=purpose,
            format=format,
            expires_at=self._clock() + timedelta(seconds=expires_in_seconds),
        )
        return command.grant, await self._commands.execute(BATCHES, batch, command, intent)

    async def revoke(self, grant: str, reason: str | None, *, intent: Intent) -> tuple[Urn, Receipt]:
        """End a grant. Raises: NotFound, PreconditionFailed."""
        row = await self._batches.known_grant(grant)
        batch = Urn(row.batch)
        command = RevokeConsumption(batch=batch, grant=Urn(row.id), reason=reason)
        return Urn(row.id), await self._commands.execute(BATCHES, batch, command, intent)

    async def addresses(self, grants: Sequence[str]) -> dict[str, Address]:
        """A fresh address of each grant's rows; none for a grant that gives nothing now.

        An address lives 15 minutes, and never longer than its grant.
        """
        return {row.id: self._address(row, batch) for row, batch in await self._live(grants)}

    def _address(self, row: GrantRow, batch: BatchRow) -> Address:
        expires_at = min(row.expires_at, self._clock() + DEFAULT_LIFETIME)
        path = self._signer.sign(
            "GET", gold_key(batch), expires_at, filename=f"{batch.batch_id}.parquet", grant=name_of(Urn(row.id))
        )
        return Address(path=path, method="GET", headers={}, expires_at=expires_at)

    async def _admit(self, batch: Urn, purpose: str | None) -> None:
        """Refuse a grant whose every use would be refused. Raises: BadUserInput."""
        row = (await self._batches.by_ids([At(batch, NOW)])).get(At(batch, NOW))
        if row is not None:
            await self._audit.admit(row.dataset, purpose, need="say it as `purpose` of the grant")

    async def authorize(self, permit: Permit, purpose: str | None, correlation_id: str, *, reads: bool) -> None:
        """Refuse a download whose grant has ended, or whose rows were replaced, since its address was made.

        A replay may hide more than before: the old file is not for consumers any more. `reads`: bytes will go out, so
        that the access is recorded, for what the grant says or else `purpose`. Raises: Forbidden, BadUserInput.
        """
        if permit.grant is None:
            return
        live = await self._live([urn(Kind.GRANT, permit.grant)])
        if not live:
            raise Forbidden("this grant has ended or its batch is withdrawn; ask its owner for a new grant")
        if gold_key(live[0][1]) != permit.key:
            raise Forbidden("the batch was replayed since this address was made; read the grant's url again")
        grant, batch = live[0]
        reading = Reading(accessor=grant.consumer, purpose=grant.purpose or purpose, correlation_id=correlation_id)
        place = await self._audit.admit(batch.dataset, reading.purpose, need=UNSAID)
        if reads and place is not None:
            await self._audit.record(reading, [(place, Access(dataset=batch.dataset, action=Action.DOWNLOAD))])

    async def _live(self, grants: Sequence[str]) -> list[tuple[GrantRow, BatchRow]]:
        """Grants that give something now, with their batches."""
        rows = (await self._batches.grants_by_ids([At(grant, NOW) for grant in grants])).values()
        now = self._clock()
        live = [row for row in rows if row.revoked_at is None and row.expires_at > now]
        batches = await self._batches.by_ids([At(id, NOW) for id in {row.batch for row in live}])
        found = [(row, batches[At(row.batch, NOW)]) for row in live if At(row.batch, NOW) in batches]
        return [(row, batch) for row, batch in found if batch.gold is not None and batch.quarantine is None]


def gold_key(batch: BatchRow) -> str:
    """Where the published rows stand now."""
    assert batch.gold is not None, "_live answers published batches"
    return layout.gold(name_of(Urn(batch.dataset)), batch.batch_id, batch.gold)
