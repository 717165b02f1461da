"""Which run may go: runs that would trample one another enter the queue one after the other.

Two runs of a dataset collide when they are on the same batch or one of them is on the whole dataset. A run that
collides with an earlier one stays out of the queue, and so costs no worker anything, until that one has ended.
"""

import uuid

from server.adapters.runs import queue
from server.adapters.runs.run import ProcessKind
from server.kernel.ids import Urn

_ADMISSIBLE = """
select waiting.id, waiting.kind from process_run waiting
 where waiting.dataset = $1 and waiting.status = 'QUEUED' and waiting.job_id is null
   and not exists (
     select from process_run other
      where other.dataset = waiting.dataset and other.id <> waiting.id and other.status in ('QUEUED', 'RUNNING')
        and (other.batch_id is null or waiting.batch_id is null or lower(other.batch_id) = lower(waiting.batch_id))
        and (other.job_id is not null or (other.created_at, other.id) < (waiting.created_at, waiting.id)))
 order by waiting.created_at, waiting.id"""


async def lock_dataset(connection: queue.Connection, dataset: Urn | None) -> None:
    """Be alone in deciding about the dataset's runs until the transaction ends. Before any other lock."""
    if dataset is not None:
        await connection.execute("select pg_advisory_xact_lock(hashtextextended('runs of ' || $1::text, 0))", dataset)


async def admit(connection: queue.Connection, dataset: Urn) -> None:
    """Put into the queue whatever of the locked dataset may go now."""
    for row in await connection.fetch(_ADMISSIBLE, dataset):
        await admit_run(connection, row["id"], ProcessKind(row["kind"]))


async def admit_run(connection: queue.Connection, run: uuid.UUID, kind: ProcessKind) -> None:
    """Put a run into the queue; it collides with nothing."""
    job = await queue.enqueue(connection, run, kind)
    await connection.execute("update process_run set job_id = $2 where id = $1", run, job)
