"""The hash chain of the log, recomputed here: nothing of it is left to a function of the database."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .finding import Findings

START = bytes(32)  # the hash before the first event
_FROM_2000 = 946_684_800_000_000  # microseconds from 1970 to 2000, from where Postgres counts


@dataclass(kw_only=True, slots=True)
class Chain:
    """How far the log was followed. `hashes`: of the events at the positions in `wanted`.

    `whole`: from the first event on; else versions in a stream may begin anywhere.
    """

    position: int
    hash: bytes
    wanted: frozenset[int]
    findings: Findings
    whole: bool = True
    events: int = 0
    hashes: dict[int, bytes] = field(default_factory=dict)
    _recorded_at: int = -(2**63)
    _versions: dict[str, int] = field(default_factory=dict)

    def follow(self, rows: Sequence[Any]) -> None:  # records of reading.EVENTS
        """Take the next events, in order of position; each is compared with the one before it."""
        previous, before, sha256 = self.hash, self._recorded_at, hashlib.sha256
        expected = self.position + 1
        for position, stream, folded, version, kind, data, meta, (moment,), stored in rows:
            if position != expected:
                self._gap(expected, position)
            instant = moment + _FROM_2000
            text = f"[{position}, {_text(stream)}, {version}, {_text(kind)}, {instant}, {data}, {meta}]"
            if sha256(previous + text.encode()).digest() != stored:
                self.findings.bad(position, "is not what was recorded")
            if moment < before:
                self.findings.bad(position, "was recorded before the one ahead of it")
            self._count(position, folded or stream, version)
            if position in self.wanted:
                self.hashes[position] = stored
            previous, before = stored, moment
            expected = position + 1
        self.position, self.hash, self._recorded_at = expected - 1, previous, before
        self.events += len(rows)

    def _count(self, position: int, stream: str, version: int) -> None:
        known = self._versions.get(stream, 0 if self.whole else version - 1)
        if version != known + 1 or version < 1:
            self.findings.bad(position, f"has version {version} in its stream, which stood at {known}")
        self._versions[stream] = version

    def _gap(self, expected: int, found: int) -> None:
        if found < expected:
            self.findings.bad(found, "stands there more than once")
        else:
            self.findings.missing(expected, found - 1)


def _text(value: str) -> str:
    """A string as Postgres prints it within JSON."""
    return json.dumps(value, ensure_ascii=False)
