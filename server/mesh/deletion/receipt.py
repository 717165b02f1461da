"""The receipt of an erasure: canonical JSON of what was asked and done, signed, the same bytes at every asking."""

from typing import Any

import rfc8785

from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.store.log import Log, StoredEvent
from server.kernel.instants import precise_text
from server.kernel.record import record
from server.mesh.deletion.queries import DeletionQueries, DeletionRow
from server.mesh.lake.state import DeletionStatus

VERSION = 1


@record
class ErasureReceipt:
    """The receipt's text, and the Ed25519 signature over its UTF-8 bytes. Signature and public key are base64."""

    deletion: DeletionRow
    receipt: str
    signature: str
    public_key: str


class Receipts:
    """Writes receipts from the log."""

    def __init__(self, log: Log, deletions: DeletionQueries, key: CheckpointKey) -> None:
        self._log = log
        self._deletions = deletions
        self._key = key

    async def of(self, deletion: str) -> ErasureReceipt | None:
        """The receipt of a completed erasure; None before. Raises: NotFound."""
        row = await self._deletions.known(deletion)
        if row.ended != DeletionStatus.COMPLETED or row.completed_position is None:
            return None
        (completed,) = await self._log.at_positions([row.completed_position])
        text = rfc8785.dumps(contents(row, completed))
        signed = self._key.signed(text)
        return ErasureReceipt(
            deletion=row, receipt=text.decode(), signature=signed.signature, public_key=signed.public_key
        )


def contents(row: DeletionRow, completed: StoredEvent) -> dict[str, Any]:  # JSON, its numbers below 2^53
    """What a receipt states, from the request and the event that completed it."""
    return {
        "version": VERSION,
        "deletion": row.id,
        "lake": row.lake,
        "subjectDigest": row.subject_digest,
        "reason": row.reason,
        "requestedBy": row.requested_by,
        "requestedAt": precise_text(row.requested_at),
        "deadline": precise_text(row.deadline),
        "completedAt": precise_text(completed.recorded_at),
        "position": completed.position,
        "eventHash": completed.hash.hex(),
        "orderedBy": completed.actor,
        "erased": list(row.erased or ()),
        "objectsDeleted": row.objects_deleted or 0,
        "unreached": list(row.unreached or ()),
    }
