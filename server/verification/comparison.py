"""Checkpoints against one another and against the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .chain import Chain
from .claims import Claim
from .finding import Findings, Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """The log up to `position` is the one that was signed, say so many checkpoints."""

    position: int
    checkpoints: int


def agreeing(sources: Sequence[Mapping[int, Claim]], findings: Findings) -> dict[int, Claim]:
    """The claims of all sources by position; two that contradict one another under good signatures are told."""
    found: dict[int, Claim] = {}
    torn: set[int] = set()
    for source in sources:
        for position, claim in source.items():
            if found.setdefault(position, claim).hash != claim.hash:
                torn.add(position)
    for position in sorted(torn):
        findings.wrong(f"two checkpoints of position {position} are signed, for two different logs")
    return found


def compare(
    paper: Mapping[int, Claim], other: Mapping[int, Claim], names: tuple[str, str], findings: Findings, *, live: bool
) -> None:
    """Tell what one of two sources lacks. The paper is written first: it alone may be ahead, unless it is a copy."""
    name, place = names
    ends = max(paper, default=0), max(other, default=0)
    for position in sorted(paper.keys() - other.keys()):
        if position < ends[1]:
            findings.wrong(f"the checkpoint of position {position} stands in {name} and not in {place}")
    for position in sorted(other.keys() - paper.keys()):
        if position < ends[0] or live:
            findings.wrong(f"the checkpoint of position {position} stands in {place} and not in {name}")
    if ends[0] > ends[1]:
        findings.notes.append(
            f"{place} ends at position {ends[1]}, {name} at {ends[0]}: the next checkpoint completes it"
        )
    elif ends[0] < ends[1] and not live:
        findings.notes.append(f"{name} ends at position {ends[0]}, {place} at {ends[1]}: it is the older copy")


def prove(claims: Mapping[int, Claim], chain: Chain, start: int, findings: Findings) -> Proof:
    """What the claims say of the log that was followed behind `start`."""
    proven, agree, contradicted = start, 0, 0
    for position in sorted(claims):
        stored = chain.hashes.get(position)
        if position <= start or stored is None:
            continue
        if stored.hex() == claims[position].hash:
            agree += 1
            proven = position if not contradicted else proven
            continue
        contradicted += 1
        if contradicted == 1:
            which = f"positions {proven + 1} to {position}" if position > proven + 1 else f"position {position}"
            findings.add(
                Problem(
                    what=f"what stands at {which} is not what the checkpoint of position {position} signed",
                    first=proven + 1,
                    last=position,
                )
            )
    if contradicted > 1:
        findings.notes.append(f"{contradicted - 1} later checkpoints do not fit either")
    furthest = max(claims, default=0)
    if furthest > chain.position:
        findings.add(
            Problem(
                what=f"the log ends at position {chain.position}, a checkpoint signed position {furthest}:"
                " the events behind the end were removed",
                first=chain.position + 1,
                last=furthest,
            )
        )
    if findings.first_bad is not None:
        proven = min(proven, findings.first_bad - 1)
    return Proof(position=proven, checkpoints=agree)
