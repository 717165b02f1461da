"""Checkpoints of these settings: where their file stands, which key signs them, how often."""

from pathlib import Path

from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.writer import Checkpoints, Pace
from server.adapters.storage import layout
from server.assembly.tools import Tools, clock
from server.database import Database
from server.settings import Settings


def checkpoint_file(settings: Settings) -> CheckpointFile:
    """The file that counts."""
    return CheckpointFile(settings.data_dir / "checkpoints")


def checkpoint_places(settings: Settings) -> tuple[Path, ...]:
    """Where checkpoints stand outside the database: the file, and the folder of the store, once they are there."""
    places = (checkpoint_file(settings).path, settings.data_dir / "lake" / layout.CHECKPOINTS)
    return tuple(place for place in places if place.exists())


def open_checkpoints(settings: Settings, database: Database, tools: Tools) -> Checkpoints:
    """What writes them."""
    pace = Pace(events=settings.checkpoint_events, seconds=settings.checkpoint_seconds)
    return Checkpoints(database.pool, checkpoint_file(settings), tools.checkpoint_key, tools.storage, pace, clock)
