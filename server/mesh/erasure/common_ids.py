"""Ids that many rows hold: what stands in a tenth of a dataset means hardly one person, and goes only on demand."""

from collections.abc import Awaitable, Callable, Collection

from server.adapters.engine.erasure.subject import Subject
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Urn, name_of
from server.mesh.batch.queries import BatchQueries
from server.mesh.erasure.batch_eraser import BatchEraser

SHARE = 10  # one row in so many
FEW_ROWS = 50  # which may always go: of a small dataset they are soon more than a tenth


class CommonIds:
    """Looks for them before anything is erased."""

    def __init__(self, batches: BatchQueries, eraser: BatchEraser) -> None:
        self._batches = batches
        self._eraser = eraser

    async def refuse(
        self, datasets: Collection[Urn], subject: Subject, go_on: Callable[[float], Awaitable[None]]
    ) -> dict[str, int]:
        """The batches that hold nothing of the subject, with the version of each that was looked through.

        `go_on` is told before each batch how far the look is, 0 to 1. Raises: PreconditionFailed, where too many rows
        of a dataset hold the id; whatever `go_on` raises.
        """
        clean: dict[str, int] = {}
        for number, dataset in enumerate(datasets):
            rows = [row for row in await self._batches.of_dataset(dataset) if row.bronze is not None]
            total = sum(row.row_count + row.rejected_row_count for row in rows)
            held = 0
            for place, row in enumerate(rows):
                await go_on((number + place / len(rows)) / len(datasets))
                seen = await self._eraser.look(Urn(row.id), subject)
                if not seen.traces.found:
                    clean[row.id] = seen.version
                held += seen.traces.records
                if held > max(FEW_ROWS, total // SHARE):
                    raise PreconditionFailed(
                        f"at least {held} of the {total} rows of dataset {name_of(dataset)!r} hold this id, more than"
                        f" one in {SHARE}, so that it hardly means one person; reject the request, or process it with"
                        " evenIfCommon",
                        field="deletion",
                    )
        return clean
