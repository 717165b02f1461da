"""What the engine loads when it is first needed, in a worker thread: a server that starts is small and quick."""

import importlib
from typing import Any


def ibis() -> Any:  # the module, which has hardly any types
    """Ibis: 16 MB and a sixth of the time to start, for nothing before the first rule is compiled."""
    return importlib.import_module("ibis")


def compute() -> Any:  # the module, whose stubs know few of its functions
    """Arrow's functions: 9 MB, for nothing before the first file comes in."""
    return importlib.import_module("pyarrow.compute")


def phone_numbers() -> Any:  # the module, without hints
    """The numbering plans of the world, for suggestions only."""
    return importlib.import_module("phonenumbers")


def standard_number(name: str) -> Any:  # a module of the package, such as `iban` or `nl.bsn`
    """One kind of number and its check, for suggestions only."""
    return importlib.import_module(f"stdnum.{name}")
