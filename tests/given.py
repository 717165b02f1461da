"""Given, when, then for deciders: what happened, what is asked, what that records or why it is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest

from server.kernel.decider import Decider
from server.kernel.errors import Refused

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True)
class Given(Generic[C, E, S]):
    """A stream with its events, oldest first."""

    decider: Decider[C, E, S]
    events: Sequence[E]

    @property
    def state(self) -> S:
        """What the events add up to."""
        return self.decider.fold(self.events, self.decider.initial)

    def when(self, command: C) -> "When[C, E, S]":
        """Ask for something."""
        return When(self, command)


@dataclass(frozen=True)
class When(Generic[C, E, S]):
    """A command on a stream, not decided yet."""

    given: Given[C, E, S]
    command: C

    def then(self, *events: E) -> S:
        """Exactly these events are recorded, none where none is named; answers the state after them."""
        decider, before = self.given.decider, self.given.state
        recorded = decider.decide(self.command, before)
        assert list(recorded) == list(events)
        assert before == self.given.state, "deciding changed the state"
        return decider.fold(recorded, before)

    def refuses(self, refusal: type[Refused], *, saying: str, field: str | None = None, **details: Any) -> None:
        """Exactly this kind of refusal is raised, with these details, and nothing is recorded."""
        decider, before = self.given.decider, self.given.state
        recorded: list[E] = []
        with pytest.raises(Refused) as caught:
            recorded.extend(decider.decide(self.command, before))
        assert type(caught.value) is refusal, caught.value.message
        assert saying in caught.value.message
        assert (caught.value.field, caught.value.details) == (field, details)
        assert recorded == [], "a part was recorded before the refusal"
        assert before == self.given.state, "refusing changed the state"


def given(decider: Decider[C, E, S], *events: E) -> Given[C, E, S]:
    """A stream on which these events were recorded."""
    return Given(decider, events)
