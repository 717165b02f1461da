"""The codec: event records to JSON and back, old shapes lifted to today's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter

from server.kernel.record import record

# A stored event's data as decoded JSON: an upcast takes one shape and gives the next.
Raw = dict[str, Any]
Upcast = Callable[[Raw], Raw]


@record
class Encoded:
    """An event as it is stored. `shape` counts from 1: one more than the type has upcasts."""

    type: str
    shape: int
    data: bytes


class UnknownEvent(Exception):
    """The log holds an event that this version of the server does not know."""


class Codec:
    """Encodes and decodes the events of all slices.

    `upcasts[T][n - 1]` lifts shape n of T to shape n + 1; `renamed` maps a name once stored to today's record.
    """

    def __init__(
        self,
        types: Sequence[type],
        upcasts: Mapping[type, Sequence[Upcast]] | None = None,
        renamed: Mapping[str, type] | None = None,
    ) -> None:
        self.types: dict[str, type] = {cls.__name__: cls for cls in types} | dict(renamed or {})
        self._adapters: dict[type, TypeAdapter[Any]] = {cls: TypeAdapter(cls) for cls in types}
        self._upcasts = upcasts or {}

    def shape(self, cls: type) -> int:
        """The shape in which events of this type are written today."""
        return 1 + len(self._upcasts.get(cls, ()))

    def encode(self, event: object) -> Encoded:
        """The event as it is stored."""
        cls = type(event)
        return Encoded(type=cls.__name__, shape=self.shape(cls), data=self._adapters[cls].dump_json(event))

    def decode(self, name: str, shape: int, data: bytes) -> object:
        """The event as today's record. Raises: UnknownEvent."""
        cls = self.types.get(name)
        if cls is None or not 1 <= shape <= self.shape(cls):
            raise UnknownEvent(f"event type {name!r} in shape {shape} is not known to this server; start a newer one")
        lifts = self._upcasts.get(cls, ())[shape - 1 :]
        if not lifts:
            return self._adapters[cls].validate_json(data)
        raw: Raw = orjson.loads(data)
        for lift in lifts:
            raw = lift(raw)
        return self._adapters[cls].validate_json(orjson.dumps(raw))
