"""What is told of a verification: in plain words, or as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .comparison import Proof
from .finding import Findings


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The outcome. `events`: how many were looked at; `end`: the last position; `head`: its hash, hex.

    `key_given`: whether the first of `keys` was known from elsewhere.
    """

    events: int
    end: int
    head: str
    proof: Proof | None
    keys: tuple[str, ...]
    key_given: bool
    findings: Findings

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings.problems

    @property
    def unproven(self) -> int:
        """How many events stand behind the last checkpoint."""
        return 0 if self.proof is None else max(0, self.end - self.proof.position)

    def lines(self) -> Iterator[str]:
        """For people."""
        first_bad = self.findings.first_bad
        if first_bad is not None:
            yield f"broken at position {first_bad}: the log is not what was recorded"
        else:
            yield f"intact: {self.events} events, head {self.head}"
        if not self.intact and first_bad is None:
            yield "what should prove it is not in order:"
        yield from (f"- {problem.what}" for problem in self.findings.problems)
        if self.findings.untold:
            yield f"- and {self.findings.untold} more"
        yield from self._proven()
        yield from (f"note: {note}" for note in self.findings.notes)

    def _proven(self) -> Iterator[str]:
        if self.proof is None:
            if self.end:
                yield "no checkpoint vouches for it: the chain alone proves nothing against who can write the database"
            return
        word = "given" if self.key_given else "taken at its word: compare it with one that you know from elsewhere"
        yield (
            f"proven up to position {self.proof.position} by {self.proof.checkpoints} checkpoints"
            f" under the key {self.keys[0]} ({word})"
        )
        if self.unproven:
            yield f"unproven: {self.unproven} events behind the last checkpoint"

    @property
    def json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "intact": self.intact,
            "events": self.events,
            "end": self.end,
            "head": self.head,
            "firstBadPosition": self.findings.first_bad,
            "problems": [
                {"what": problem.what, "first": problem.first, "last": problem.last}
                for problem in self.findings.problems
            ],
            "moreProblems": self.findings.untold,
            "provenTo": None if self.proof is None else self.proof.position,
            "checkpoints": 0 if self.proof is None else self.proof.checkpoints,
            "unproven": self.end if self.proof is None else self.unproven,
            "keys": list(self.keys),
            "keyGiven": self.key_given,
            "notes": self.findings.notes,
        }
