"""What the mesh does by itself, asked by nobody: commands, and runs, of which one at a time for each thing."""

import uuid
from collections.abc import Mapping
from typing import Any

from server.adapters.runs import ProcessKind, RunBoard, RunFilter, RunRequest
from server.kernel.ids import Urn
from server.kernel.intent import Intent

ACTOR = "lakemesh"


def own_intent() -> Intent:
    """The intent of what the mesh records by itself."""
    return Intent.once(ACTOR, str(uuid.uuid4()))


class OwnRuns:
    """Starts them."""

    def __init__(self, board: RunBoard) -> None:
        self._board = board

    async def start(
        self,
        kind: ProcessKind,
        dataset: Urn,
        batch_id: str | None,
        payload: Mapping[str, Any],  # any JSON: each handler has its own
    ) -> Urn:
        """A new run of this kind on a batch or a whole dataset, or the one that is under way.

        The key names the run before it: of two schedulers that look at once, the second gets the first one's run.
        """
        last = await self._board.latest(RunFilter(kind=kind, dataset=dataset, batch=batch_id))
        if last is not None and not last.finished:
            return last.id
        request = RunRequest(
            kind=kind,
            dataset=dataset,
            batch_id=batch_id,
            actor=ACTOR,
            correlation_id=str(uuid.uuid4()),
            command_key=f"~{kind} {dataset} {batch_id or '*'} after {last.id if last else 'none'}",
            input_digest=b"",
            payload=payload,
        )
        return (await self._board.start(request)).id
