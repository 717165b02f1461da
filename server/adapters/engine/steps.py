"""How far a piece of work is: the steps of it that are done, and how much of the one under way."""

from collections.abc import Callable


def _unheard(_: float) -> None:
    """Nobody asked."""


class Steps:
    """Told by the thread that does the work, looked at from outside while it does.

    `heard` is called by whoever looks, with the share of the work that is done, 0 to 1, whenever it has grown.
    """

    def __init__(self, heard: Callable[[float], None] = _unheard) -> None:
        self._heard = heard
        self._step = (0.0, 0.0)
        self._share = 0.0

    def to(self, share: float) -> None:
        """The step before is done; the one that begins leads to this share of the work."""
        self._step = (self._step[1], share)

    def look(self, percent: Callable[[], float]) -> None:
        """`percent` tells how much of the statement under way is done, 0 to 100; below 0 where nobody knows."""
        step = self._step
        done = percent()
        if self._step is not step:  # it may be the percentage of either
            return
        start, end = step
        share = start + (end - start) * min(max(done, 0.0), 100.0) / 100
        if share > self._share:
            self._share = share
            self._heard(share)
