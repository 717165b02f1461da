"""The Delta library, loaded when the first table is read: 20 MB that a server which only catalogues never needs."""

import importlib
from typing import Any


def deltalake() -> Any:  # the module, whose arrow types are strangers to pyarrow's
    """Delta: reads logs and writes their checkpoints."""
    return importlib.import_module("deltalake")
