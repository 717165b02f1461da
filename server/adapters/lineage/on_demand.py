"""What the graph loads when an answer is first large: a mesh without lineage never does."""

import importlib
from typing import Any


def csgraph() -> Any:  # the module, whose stubs want generic matrices where ours is one plain kind
    """SciPy's walks over compressed rows."""
    return importlib.import_module("scipy.sparse.csgraph")


def sparse() -> Any:  # the module, as above
    """SciPy's compressed rows."""
    return importlib.import_module("scipy.sparse")
