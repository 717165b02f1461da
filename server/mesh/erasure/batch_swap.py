"""The files around the swap of a batch: those that stand, the new ones in their places, those that are outlived."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from server.adapters.engine.erasure.files import BatchFiles as ErasureFiles
from server.adapters.engine.erasure.files import Rewritten, Targets
from server.adapters.engine.ingest.gaps import NO_GAPS, read_gaps
from server.adapters.storage import layout
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.port import ObjectExists
from server.adapters.storage.whose import BatchFile, What, owner_of
from server.kernel.fields import Field
from server.kernel.files import CsvOptions
from server.kernel.ids import Urn
from server.kernel.record import record
from server.mesh.batch.facts import SubjectErased
from server.mesh.batch.files import BatchPlace, place_of
from server.mesh.batch.state import Batch


@record
class Made:
    """New files of a batch, by their keys, and the event that lets them count."""

    keys: tuple[str, ...]
    erased: SubjectErased


def standing(storage: LocalStorage, state: Batch, fields: tuple[Field, ...], csv: CsvOptions | None) -> ErasureFiles:
    """The batch's files that count. Raises: ObjectMissing."""
    dataset, batch = (place := place_of(state)).dataset, place.batch
    gaps = _there(storage, layout.raw_gaps(dataset, batch, state.raw_digest))
    return ErasureFiles(
        raw=storage.read_path(layout.raw(dataset, batch, state.raw_digest, state.format.suffix)),
        format=state.format,
        csv=csv,
        rejects=_there(storage, layout.rejects(dataset, batch, state.bronze)),
        bronze=storage.read_path(layout.bronze(dataset, batch, state.bronze)),
        silver=None if state.silver is None else storage.read_path(layout.silver(dataset, batch, state.silver)),
        gold=None if state.gold is None else storage.read_path(layout.gold(dataset, batch, state.gold)),
        samples=tuple(sorted(storage.path(key) for key, file in _of(storage, place) if file.what is What.SAMPLES)),
        fields=fields,
        gaps=NO_GAPS if gaps is None else read_gaps(gaps),
    )


def every(targets: Targets) -> Iterable[Path]:
    """All paths that may have been written."""
    return (
        targets.raw,
        targets.gaps,
        targets.rejects,
        targets.bronze,
        targets.silver,
        targets.gold,
        *targets.samples,
    )


def commit(storage: LocalStorage, state: Batch, attempt: int, targets: Targets, done: Rewritten) -> list[str]:
    """Put the new files into storage; their keys. Bronze moves on in any case: what is made of the old is refused."""
    dataset, batch = (place := place_of(state)).dataset, place.batch
    moved: list[tuple[Path, str]] = []
    if done.raw_sha256 is not None:
        raw = layout.raw(dataset, batch, done.raw_sha256, state.format.suffix)
        moved += [(targets.gaps, layout.raw_gaps(dataset, batch, done.raw_sha256)), (targets.raw, raw)]
    moved.append((targets.rejects, layout.rejects(dataset, batch, attempt)))
    moved.append((targets.bronze, layout.bronze(dataset, batch, attempt)))
    moved.append((targets.silver, layout.silver(dataset, batch, attempt)))
    moved.append((targets.gold, layout.gold(dataset, batch, attempt)))
    made = [key for path, key in moved if path in done.written]
    for path, key in moved:
        if path in done.written:
            with suppress(ObjectExists):  # raw is named by its digest: an attempt that was killed left the same
                storage.commit(path, key)
    if targets.bronze not in done.written:
        storage.copy(layout.bronze(dataset, batch, state.bronze), key := layout.bronze(dataset, batch, attempt))
        made.append(key)
    rejects = layout.rejects(dataset, batch, state.bronze)
    if targets.rejects not in (done.written | done.emptied) and storage.exists(rejects):
        storage.copy(rejects, key := layout.rejects(dataset, batch, attempt))
        made.append(key)
    return made


def event_of(deletion: Urn, state: Batch, attempt: int, done: Rewritten, targets: Targets) -> SubjectErased:
    """What the rewriting amounts to."""
    return SubjectErased(
        batch=state.batch,
        deletion=deletion,
        raw=done.raw_sha256 or state.raw,
        bronze=attempt,
        silver=attempt if targets.silver in done.written else state.silver,
        gold=attempt if targets.gold in done.written else state.gold,
        row_count=done.row_count,
        rejected_row_count=done.rejected_row_count,
        size_bytes=state.size_bytes if done.size_bytes is None else done.size_bytes,
        erased_bronze=done.erased_bronze,
        erased_silver=done.erased_silver,
        erased_gold=done.erased_gold,
        erased_rejects=done.erased_rejects,
    )


def outlived(storage: LocalStorage, place: BatchPlace, state: Batch, erased: SubjectErased) -> list[str]:
    """The keys of what the event let go, copies of gold in other types among it."""
    now = {
        What.RAW: erased.raw or state.checksum,
        What.BRONZE: str(erased.bronze),
        What.REJECTS: str(erased.bronze),
        What.SILVER: str(erased.silver),
        What.GOLD: str(erased.gold),
    }
    before = {
        What.RAW: state.raw_digest,
        What.BRONZE: str(state.bronze),
        What.REJECTS: str(state.bronze),
        What.SILVER: str(state.silver),
        What.GOLD: str(state.gold),
    }
    return [
        key
        for key, file in _of(storage, place)
        if file.mark == before.get(file.what) and file.mark != now.get(file.what)
    ]


def _of(storage: LocalStorage, place: BatchPlace) -> Iterable[tuple[str, BatchFile]]:
    for folder in layout.folders(place.dataset, place.batch):
        for stored in storage.list(folder):
            if isinstance(file := owner_of(stored.key), BatchFile):
                yield stored.key, file


def _there(storage: LocalStorage, key: str) -> Path | None:
    return storage.read_path(key) if storage.exists(key) else None
