"""Changes in inputs: what is absent stays, an explicit null removes, where it may."""

from typing import TypeVar

import strawberry

from server.kernel.errors import BadUserInput

T = TypeVar("T")


def kept(given: strawberry.Maybe[T | None], field: str) -> T | None:
    """The new value of what a thing cannot be without; None where it stays. Raises: BadUserInput."""
    if given is None:
        return None
    if given.value is None:
        raise BadUserInput(f"{field} cannot be null; leave it out to keep what stands, or give a value", field=field)
    return given.value
