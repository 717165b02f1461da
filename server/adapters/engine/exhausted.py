"""What the engine says when the machine has no more to give, as a refusal without its paths and its advice."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import duckdb

from server.adapters.storage.durable import FULL, StorageFull, refusing_when_full
from server.kernel.errors import LimitExceeded

_CODE = '"errno":"'  # in a failure of a write behind the scenes, which the engine tells as JSON


@contextmanager
def refusing_when_exhausted() -> Generator[None, None, None]:
    """Turn a lack of memory or of room on the disk into a refusal. Raises: LimitExceeded, StorageFull."""
    try:
        with refusing_when_full():
            yield
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise LimitExceeded(
            "this work needs more memory than ENGINE_MEMORY and the room to spill allow: give less at once,"
            " or have the server's ENGINE_MEMORY raised, then ask again"
        ) from error
    except duckdb.IOException as error:
        if _is_full(str(error)):
            raise StorageFull("storage is full: free some space on the server, then try again") from error
        raise


def _is_full(message: str) -> bool:
    """The engine tells the system's error in words, or by its number inside another error."""
    return any(message.endswith(os.strerror(code)) or f'{_CODE}{code}"' in message for code in FULL)
