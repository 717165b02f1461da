"""Inside the side process: its bounds, and the watch for the end of the server that started it."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import TypeVar

if sys.platform == "linux":
    import resource

T = TypeVar("T")

GRACE_SECONDS = 1.0  # for whoever started a call to end it; then the kernel does, the server being dead or stuck


def prepare(memory_bytes: int) -> None:
    """Bound the process's memory, let it be ended at any moment, and end it with its parent."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # compiled code looks at no handler of Python's
    threading.Thread(target=_follow_parent, daemon=True).start()


def bounded(seconds: float, work: Callable[..., T], *arguments: object) -> T:
    """Do the work; the kernel ends this process when it takes too long, whatever code runs then."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)
    try:
        return work(*arguments)
    finally:
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 0)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in a process that was started by another"
    connection.wait([parent.sentinel])
    os._exit(1)
