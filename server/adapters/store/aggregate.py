"""An aggregate as the store knows it: its rules, the shape of its state, and a stream's state at a version."""

import hashlib
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from pydantic import TypeAdapter

from server.kernel.decider import Decider
from server.kernel.ids import Kind, Urn

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True)
class Loaded(Generic[S]):
    """A stream's state. Version 0: the stream has no event yet. `stream` is spelled as its first event spelled it."""

    stream: Urn
    version: int
    state: S


class Aggregate(Generic[C, E, S]):
    """A kind of stream with its decider. `shape` changes whenever the state's fields do: old snapshots are ignored."""

    def __init__(self, kind: Kind, decider: Decider[C, E, S], state_type: Any) -> None:  # a type or a union of types
        self.kind = kind
        self.decider = decider
        self.state: TypeAdapter[S] = TypeAdapter(state_type)
        schema = orjson.dumps(self.state.json_schema(), option=orjson.OPT_SORT_KEYS)
        self.shape = hashlib.sha256(schema).hexdigest()[:16]
