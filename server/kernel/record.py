"""The one way to declare a value: frozen, keyword-only, slotted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")

_dataclass: Callable[[type], type] = dataclass(frozen=True, kw_only=True, slots=True)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, keyword-only dataclass with slots."""
    return _dataclass(cls)
