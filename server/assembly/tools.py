"""The tools that the mesh works with: storage, the engine on it, keys and clock, as the settings say."""

import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.engine.session import Engine
from server.adapters.engine.spill import spill_folder
from server.adapters.key_ring import KeyRing
from server.adapters.keys import load_key
from server.adapters.sealing import Sealer
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.signing import Signer
from server.adapters.store.attempts import Attempts
from server.adapters.subject_keys import SubjectKeys
from server.database import Database
from server.kernel.record import record
from server.mesh.deletion.subjects import Subjects
from server.settings import Settings


@record
class Tools:
    """What stands behind the services."""

    storage: LocalStorage
    engine: Engine
    signer: Signer
    sealer: Sealer
    ring: KeyRing
    subjects: Subjects
    checkpoint_key: CheckpointKey
    attempts: Attempts


def clock() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


def open_tools(settings: Settings, database: Database, stack: AsyncExitStack) -> Tools:
    """Storage, the engine on it, and the keys."""
    storage = LocalStorage(settings.data_dir / "lake")
    spill = stack.enter_context(spill_folder(settings.data_dir / "spill"))
    signing_key = load_key(_key_file(settings, settings.signing_key_file, "signing.key"))
    ring = KeyRing(privacy_key_file(settings))
    return Tools(
        storage=storage,
        engine=stack.enter_context(_open_engine(settings, storage, spill)),
        signer=Signer([signing_key], clock),
        sealer=Sealer(signing_key),
        ring=ring,
        subjects=Subjects(ring, SubjectKeys(settings.data_dir / "keys" / "subjects")),
        checkpoint_key=CheckpointKey(checkpoint_key_file(settings)),
        attempts=Attempts(database.pool),
    )


def _open_engine(settings: Settings, storage: LocalStorage, spill: Path) -> Engine:
    threads = settings.engine_threads or os.cpu_count() or 1
    return Engine([storage.root], settings.engine_memory, threads, spill)


def privacy_key_file(settings: Settings) -> Path:
    """Where the secrets of tokens and pseudonyms stand."""
    return _key_file(settings, settings.privacy_key_file, "privacy.key")


def checkpoint_key_file(settings: Settings) -> Path:
    """Where the seed of the key that signs checkpoints and receipts stands."""
    return _key_file(settings, settings.checkpoint_key_file, "checkpoint.key")


def _key_file(settings: Settings, named: Path | None, name: str) -> Path:
    return named or settings.data_dir / "keys" / name
