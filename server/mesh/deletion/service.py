"""Commands on erasure requests. The clear id of a subject goes no further than this process."""

import asyncio
from datetime import datetime

import asyncpg

from server.adapters.store.commands import Commands, Receipt
from server.adapters.store.log import Log
from server.kernel.errors import BadUserInput, NotFound, Refused, Unavailable
from server.kernel.ids import Kind, Urn, reference
from server.kernel.intent import Intent
from server.kernel.subject import check_subject, refuse_repeating, repeats
from server.kernel.text import said
from server.mesh.deletion.queries import DeletionQueries, DeletionRow
from server.mesh.deletion.subjects import Subjects
from server.mesh.lake.commands import HoldDeletion, RejectDeletion, ReleaseDeletion, RequestDeletion
from server.mesh.lake.deletion_rules import WITHIN
from server.mesh.lake.stream import LAKES

LONGEST_REQUESTER = 200  # characters


class DeletionService:
    """Takes requests of erasure, holds, releases and rejects them."""

    def __init__(
        self, pool: asyncpg.Pool, commands: Commands, log: Log, deletions: DeletionQueries, subjects: Subjects
    ) -> None:
        self._pool = pool
        self._commands = commands
        self._log = log
        self._deletions = deletions
        self._subjects = subjects

    async def request(
        self, lake: str, subject_id: str, reason: str, requested_by: str, *, intent: Intent
    ) -> tuple[Urn, Receipt]:
        """Owe a subject the erasure of its rows within 30 days of Postgres's clock.

        Raises: BadUserInput, NotFound, PreconditionFailed, Conflict; none of them repeats the subject's id.
        """
        subject = check_subject(subject_id)
        said(requested_by, field="requestedBy", need="name who asks, or who handles it", longest=LONGEST_REQUESTER)
        told = {"reason": said(reason, field="reason"), "requestedBy": requested_by}
        refuse_repeating(subject, told | _carried(intent))
        asked = lake_of(lake, subject)
        if (seen := await self._commands.answered(intent)) is not None:
            return await self._requested_in(seen), seen
        now: datetime = await self._pool.fetchval("select clock_timestamp()")
        sealed = await asyncio.to_thread(self._subjects.seal, asked, subject)
        command = RequestDeletion(
            lake=asked,
            deletion=sealed.deletion,
            subject_digest=sealed.digest,
            subject_encrypted=sealed.encrypted,
            reason=reason,
            requested_by=requested_by,
            deadline=now + WITHIN,
        )
        try:
            receipt = await self._recorded(command, intent)
        except NotFound:
            if repeats(lake, subject):
                raise NotFound("this lake is not known; create it with createDataLake", field="lake") from None
            raise
        return await self._requested_in(receipt), receipt

    async def hold(self, deletion: str, reason: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Keep the rows for now. Raises: BadUserInput, NotFound, PreconditionFailed, Conflict."""
        row = await self._told(deletion, reason, intent)
        command = HoldDeletion(deletion=Urn(row.id), reason=reason)
        return Urn(row.id), await self._commands.execute(LAKES, Urn(row.lake), command, intent)

    async def release(self, deletion: str, reason: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """End a hold. Raises: BadUserInput, NotFound, PreconditionFailed, Conflict."""
        row = await self._told(deletion, reason, intent)
        command = ReleaseDeletion(deletion=Urn(row.id), reason=reason)
        return Urn(row.id), await self._commands.execute(LAKES, Urn(row.lake), command, intent)

    async def reject(self, deletion: str, reason: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Decide that nothing is erased; the subject's key goes. Raises: as `hold`."""
        row = await self._told(deletion, reason, intent)
        command = RejectDeletion(deletion=Urn(row.id), reason=reason)
        receipt = await self._commands.execute(LAKES, Urn(row.lake), command, intent)
        await asyncio.to_thread(self._subjects.destroy, Urn(row.id))
        return Urn(row.id), receipt

    async def check_silent(self, deletion: str, intent: Intent, reason: str | None = None) -> DeletionRow:
        """The request, once it is sure that nothing said with the command holds its subject's id.

        Raises: BadUserInput, NotFound.
        """
        row = await self._deletions.known(deletion)
        subject = await self.subject_of(row)
        if subject is not None:
            refuse_repeating(subject, {**({} if reason is None else {"reason": reason}), **_carried(intent)})
        return row

    async def subject_of(self, row: DeletionRow) -> str | None:
        """The clear id while the request is open and its key stands. Raises: PreconditionFailed."""
        if row.ended is not None:
            return None
        return await asyncio.to_thread(self._subjects.open, Urn(row.id), row.subject_encrypted)

    async def _told(self, deletion: str, reason: str, intent: Intent) -> DeletionRow:
        return await self.check_silent(deletion, intent, said(reason, field="reason"))

    async def _recorded(self, command: RequestDeletion, intent: Intent) -> Receipt:
        """The receipt of the request, or of its twin under the same key; a key that seals nothing goes."""
        try:
            receipt = await self._commands.execute(LAKES, command.lake, command, intent)
        except Unavailable:
            raise  # whether the request stands is not known: the deadline job looks after its key
        except Refused:
            await asyncio.to_thread(self._subjects.destroy, command.deletion)
            raise
        if await self._requested_in(receipt) != command.deletion:
            await asyncio.to_thread(self._subjects.destroy, command.deletion)
        return receipt

    async def _requested_in(self, receipt: Receipt) -> Urn:
        """The request that a receipt is about."""
        assert receipt.first is not None, "a request is recorded or refused"
        (event,) = await self._log.at_positions([receipt.first])
        return Urn(event.data["deletion"])


def _carried(intent: Intent) -> dict[str, str]:
    """What stands in the database beside a command, as its client named it."""
    carried = {"X-Correlation-Id": intent.correlation_id}
    return {**carried, "idempotencyKey": intent.key.removeprefix(f"{intent.actor}|")} if intent.keyed else carried


def lake_of(text: str, subject: str) -> Urn:
    """The lake that is meant. Raises: BadUserInput, without the subject's id where that stands in its place."""
    try:
        return reference(Kind.LAKE, text, field="lake")
    except BadUserInput:
        if repeats(text, subject):
            raise BadUserInput("lake holds the id of the subject; give the lake's URN or id", field="lake") from None
        raise
