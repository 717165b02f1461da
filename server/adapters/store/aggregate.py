"""An aggregate as the store knows it: its rules, the shape of its state, and a stream's state at a version."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from pydantic import TypeAdapter

from server.kernel.decider import Decider
from server.kernel.ids import Kind, Urn

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")

MAX_TRIES = 5


@dataclass(frozen=True)
class Loaded(Generic[S]):
    """A stream's state. Version 0: the stream has no event yet. `stream` is spelled as its first event spelled it."""

    stream: Urn
    version: int
    state: S


class Aggregate(Generic[C, E, S]):
    """A kind of stream with its decider. `shape` changes whenever the state's fields do: old snapshots are ignored.

    `beside`: types of events that stand in its streams and leave the state as it is. `tries`: of a command whose stream
    moves while it is decided.
    """

    def __init__(
        self,
        kind: Kind,
        decider: Decider[C, E, S],
        state_type: Any,  # a type or a union of types
        beside: Collection[type] = (),
        tries: int = MAX_TRIES,
    ) -> None:
        self.kind = kind
        self.tries = tries
        self.decider = decider
        self.beside = frozenset(event.__name__ for event in beside)
        self.state: TypeAdapter[S] = TypeAdapter(state_type)
        schema = orjson.dumps(self.state.json_schema(), option=orjson.OPT_SORT_KEYS)
        self.shape = hashlib.sha256(schema).hexdigest()[:16]
