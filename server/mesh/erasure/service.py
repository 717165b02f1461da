"""Starting erasures: one run for each request, whoever asks and however often."""

import asyncpg

from server.adapters.runs import ProcessKind, Run
from server.adapters.store.commands import Commands
from server.adapters.store.locks import locked
from server.kernel.ids import Kind, Urn, urn
from server.kernel.intent import Intent
from server.mesh.batch.payloads import ErasePayload, dump
from server.mesh.deletion.queries import DeletionQueries
from server.mesh.events.runs import Runs, check_wait
from server.mesh.lake.deletion_rules import check_processable
from server.mesh.lake.stream import LAKES

_UNDER_WAY = """
select id from process_run
 where kind = 'ERASE' and status in ('QUEUED', 'RUNNING') and payload ->> 'deletion' = $1"""


class Erasures:
    """Starts them."""

    def __init__(self, pool: asyncpg.Pool, commands: Commands, runs: Runs, deletions: DeletionQueries) -> None:
        self._pool = pool
        self._commands = commands
        self._runs = runs
        self._deletions = deletions

    async def process(self, deletion: str, *, intent: Intent, wait_seconds: float, even_if_common: bool = False) -> Run:
        """Start the erasure, or go on waiting for the one that is under way. `even_if_common`: see ErasePayload.

        Raises: NotFound, PreconditionFailed, BadUserInput; and what the run was refused for, within the wait.
        """
        if (run := await self._runs.repeated(intent, wait_seconds)) is not None:
            return run
        check_wait(wait_seconds)
        row = await self._deletions.known(deletion)
        payload = ErasePayload(lake=Urn(row.lake), deletion=Urn(row.id), even_if_common=even_if_common)
        return await self._runs.ended(await self._begun(payload, intent), wait_seconds)

    async def _begun(self, payload: ErasePayload, intent: Intent) -> Run:
        lake, deletion = payload.lake, payload.deletion
        async with locked(self._pool, f"erasure of {deletion}"):
            under_way = await self._pool.fetchval(_UNDER_WAY, deletion)
            if under_way is not None:
                run = await self._runs.find(urn(Kind.RUN, str(under_way)))
                assert run is not None, "runs are kept for days after their end"
                return run
            check_processable(deletion, (await self._commands.load(LAKES, lake)).state)
            return await self._runs.begin(
                ProcessKind.ERASE,
                intent,
                dataset=None,
                batch_id=None,
                payload=dump(payload),
            )
