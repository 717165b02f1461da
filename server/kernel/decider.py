"""The decider: a pure pair of functions that turns commands into events and events into state.

After Jérémie Chassaing's decider pattern: `decide(command, state) -> events` and `evolve(state, event) -> state`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.kernel.ids import Urn

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Decider(Generic[C, E, S]):
    """One aggregate's rules. `about` names the things, besides its stream, that its events concern."""

    initial: S
    decide: Callable[[C, S], Sequence[E]]
    evolve: Callable[[S, E], S]
    about: Callable[[S], tuple[Urn, ...]]

    def fold(self, events: Iterable[E], state: S) -> S:
        """The state after `events`, oldest first."""
        for event in events:
            state = self.evolve(state, event)
        return state
