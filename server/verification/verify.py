"""A verification: the log of a database recomputed and held against its checkpoints."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from .chain import START, Chain
from .claims import Claim, check_key
from .comparison import agreeing, compare, prove
from .finding import Findings, Unreadable
from .papers import Paper, read_papers
from .reading import Head, Snapshot, snapshot
from .report import Report
from .trust import Trust

TABLE = "the database's table"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is to be verified. `places`: files and folders of checkpoints; `keys`: base64, known from elsewhere.

    `after`: events up to here are taken as they are; `live`: the places are the server's own, not copies of them.
    """

    dsn: str
    places: tuple[Path, ...] = ()
    keys: tuple[str, ...] = ()
    after: int = 0
    live: bool = False


async def verify(question: Question) -> Report:
    """The outcome, of one moment. Raises: Unreadable."""
    for key in question.keys:
        check_key(key)
    findings = Findings()
    places = list(question.places)
    papers = read_papers(places, findings)  # before the database: whatever they claim, it then has
    async with snapshot(question.dsn) as log:
        head = _one(await log.heads(), findings)
        table = await log.checkpoints() or []
        trust = Trust(question.keys, findings)
        trust.begin_with(papers, table)
        sources = _sound(papers, table, trust)
        newer = read_papers(places, Findings()) if question.live else papers  # what came while we were asking
        _compare(newer, papers, table, findings, live=question.live)
        claims = agreeing(sources, findings)
        chain = await _followed(log, question.after, frozenset(claims), findings)
        await _look_around(log, findings)
    _check_end(chain, head, findings)
    proof = prove(claims, chain, question.after, findings) if claims else None
    return Report(
        events=chain.events,
        end=chain.position,
        head=chain.hash.hex(),
        proof=proof,
        keys=tuple(trust.keys),
        key_given=bool(question.keys),
        findings=findings,
    )


async def _followed(log: Snapshot, after: int, wanted: frozenset[int], findings: Findings) -> Chain:
    begin = await log.hash_at(after) if after else START
    if begin is None:
        raise Unreadable(f"position {after} is none of the log; begin behind one that is")
    chain = Chain(position=after, hash=begin, wanted=wanted, findings=findings, whole=not after)
    async with aclosing(log.events(after)) as pages:
        async for rows in pages:
            chain.follow(rows)
    return chain


def _one(heads: Sequence[Head], findings: Findings) -> Head | None:
    if len(heads) != 1:
        findings.wrong(f"the log has {len(heads)} heads; it needs exactly one")
        return None
    return heads[0]


def _check_end(chain: Chain, head: Head | None, findings: Findings) -> None:
    if head is None:
        return
    if head.position > chain.position:
        findings.missing(chain.position + 1, head.position)
    elif head.position < chain.position:
        findings.bad(head.position + 1, "stands behind the head of the log")
    elif head.hash != chain.hash:
        findings.bad(head.position, "has another hash than the head of the log")


async def _look_around(log: Snapshot, findings: Findings) -> None:
    if astray := await log.astray():
        findings.wrong(f"{astray} events stand at no position of a log")
    if not await log.plain():
        findings.wrong("the events are no plain table: what is read may not be what is kept")
    if not await log.guarded():
        findings.notes.append("the trigger that refuses changes of events is off or gone")


def _sound(papers: Sequence[Paper], table: Sequence[Claim], trust: Trust) -> list[Mapping[int, Claim]]:
    return [*(trust.sound(paper.claims, paper.name) for paper in papers), trust.sound(table, TABLE)]


def _compare(
    newer: Sequence[Paper], papers: Sequence[Paper], table: Sequence[Claim], findings: Findings, *, live: bool
) -> None:
    """Each file against the table, and against the loose checkpoints."""
    if live and table and not any(paper.ordered for paper in papers):
        findings.wrong(f"{TABLE} has {len(table)} checkpoints and their file is gone")
    for paper, then in zip(newer, papers, strict=True):
        if not paper.ordered:
            continue
        now = {claim.position: claim for claim in paper.claims}
        rows = {claim.position: claim for claim in table}
        compare(now, rows, (paper.name, TABLE), findings, live=live)
        old = {claim.position: claim for claim in then.claims}
        for loose in papers:
            if not loose.ordered:
                known = {claim.position: claim for claim in loose.claims}
                compare(old, known, (paper.name, loose.name), findings, live=False)
