"""Which keys are believed: those that were given, else the first one seen, and those that a believed one named."""

from collections.abc import Sequence

from .claims import Claim, Succession
from .finding import Findings
from .papers import Paper


class Trust:
    """The believed keys, base64. `given`: those known from elsewhere."""

    def __init__(self, given: Sequence[str], findings: Findings) -> None:
        self.keys = list(given)
        self._findings = findings
        self._sound: dict[Claim, bool] = {}

    def begin_with(self, papers: Sequence[Paper], table: Sequence[Claim]) -> None:
        """Where no key was given, take the first one at its word; then hear what the papers say of new ones."""
        if not self.keys:
            ordered = [entry for paper in papers if paper.ordered for entry in paper.entries[:1]]
            loose = [claim for paper in papers for claim in paper.claims[:1]]
            first = next(iter([*ordered, *loose, *table[:1]]), None)
            if first is not None:
                self.keys = [first.signed_by if isinstance(first, Succession) else first.public_key]
        for paper in papers:
            if paper.ordered:
                self._follow(paper)

    def sound(self, claims: Sequence[Claim], where: str) -> dict[int, Claim]:
        """Those that a believed key signed, by position; the others are told."""
        found: dict[int, Claim] = {}
        for claim in claims:
            which = f"the checkpoint of position {claim.position} in {where}"
            if claim.public_key not in self.keys:
                self._findings.wrong(f"{which} is signed by a key that nothing here vouches for: {claim.public_key}")
            elif not self._is_sound(claim):
                self._findings.wrong(f"{which} is not what its key signed")
            else:
                found[claim.position] = claim
        return found

    def _is_sound(self, claim: Claim) -> bool:
        if claim not in self._sound:
            self._sound[claim] = claim.signed
        return self._sound[claim]

    def _follow(self, paper: Paper) -> None:
        """A key that was replaced signs no more."""
        replaced: set[str] = set()
        for entry in paper.entries:
            by = entry.signed_by if isinstance(entry, Succession) else entry.public_key
            if by in replaced:
                about = "a new key" if isinstance(entry, Succession) else f"position {entry.position}"
                self._findings.wrong(f"the line about {about} in {paper.name} is signed by a key that was replaced")
            elif isinstance(entry, Succession):
                if by in self.keys and entry.signed:
                    self.keys += [] if entry.public_key in self.keys else [entry.public_key]
                    replaced.add(by)
                else:
                    self._findings.wrong(f"a new key in {paper.name} is not signed by one that was believed before it")
