"""What tests let a side process do."""

import ctypes
import os
import sys
import time
from pathlib import Path

from server.kernel.errors import BadUserInput


def nap(seconds: float, file: str = "") -> int:
    """Sleep, having told one's process id in a file where one is given."""
    if file:
        Path(f"{file}.part").write_text(str(os.getpid()))
        Path(f"{file}.part").rename(file)
    time.sleep(seconds)
    return os.getpid()


def hold(seconds: float) -> None:
    """Sleep in foreign code that holds the interpreter: no thread and no handler of Python's runs meanwhile."""
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def refuse() -> None:
    """Refuse, as work may."""
    raise BadUserInput("no", field="sql", limit=3)


def loaded(*names: str) -> list[str]:
    """Which of these modules this process has."""
    return [name for name in names if name in sys.modules]
