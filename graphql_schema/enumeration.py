"""Enumerations of the mesh in the graph, each value with its meaning."""

from enum import Enum
from typing import Any, TypeVar

import strawberry

E = TypeVar("E", bound=Enum)


def enumeration(cls: type[E], *, name: str, description: str, **values: str) -> type[E]:
    """`cls` as a type of the graph. `values`: the meaning of each member, by its name; all of them."""
    made: Any = strawberry.enum(cls, name=name, description=description)  # with what Strawberry adds to it
    for value in made.__strawberry_definition__.values:
        value.description = values.pop(value.name)
    assert not values, f"{name} has no {', '.join(values)}"
    return cls
