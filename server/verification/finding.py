"""What a verification finds: problems, with the positions of the log that they concern, and notes."""

from dataclasses import dataclass, field

MOST = 100  # problems that are told one by one


class Unreadable(Exception):
    """There is nothing here that could be verified: the reason in one sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is not as it was recorded or signed. One or more of the positions `first` to `last` are bad."""

    what: str
    first: int | None = None
    last: int | None = None


@dataclass(kw_only=True, slots=True)
class Findings:
    """Problems in the order in which they were found, and notes, which are none."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    untold: int = 0
    first_bad: int | None = None

    def bad(self, position: int, what: str) -> None:
        """An event that is not in order."""
        self.add(Problem(what=f"position {position} {what}", first=position, last=position))

    def missing(self, first: int, last: int) -> None:
        """Events that are not there."""
        many = f"positions {first} to {last} are" if last > first else f"position {first} is"
        self.add(Problem(what=f"{many} missing", first=first, last=last))

    def wrong(self, what: str) -> None:
        """Something beside the log that is not in order."""
        self.add(Problem(what=what))

    def add(self, problem: Problem) -> None:
        """Tell a problem, or count it where there are too many."""
        if problem.first is not None:
            self.first_bad = problem.first if self.first_bad is None else min(self.first_bad, problem.first)
        if len(self.problems) < MOST:
            self.problems.append(problem)
        else:
            self.untold += 1
