"""Checkpoints outside the database: files of lines that follow one another, folders of single ones."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .claims import Claim, Succession
from .finding import Findings, Unreadable

FILE = "checkpoints.ndjson"


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """What one file, or the loose files of one folder, say. `name`: as people call it; `ordered`: line by line."""

    name: str
    entries: tuple[Claim | Succession, ...]
    ordered: bool

    @property
    def claims(self) -> list[Claim]:
        """Without what is said of keys."""
        return [entry for entry in self.entries if isinstance(entry, Claim)]


def read_papers(places: list[Path], findings: Findings) -> list[Paper]:
    """Every paper at these places. Raises: Unreadable, where there is none."""
    papers = [paper for place in places for paper in _at(place, findings)]
    return [paper for paper in papers if paper.entries or paper.ordered]


def _at(place: Path, findings: Findings) -> list[Paper]:
    try:
        if not place.is_dir():
            return [_file(place, findings)]
        papers = [_file(place / FILE, findings)] if (place / FILE).exists() else []
        if loose := sorted(place.glob("*.json")):
            papers.append(_folder(place, loose, findings))
    except OSError as error:
        raise Unreadable(f"the checkpoints at {place} cannot be read: {error.strerror}") from error
    if not papers:
        raise Unreadable(f"there are no checkpoints at {place}: name the file {FILE}, or a folder that holds some")
    return papers


def _file(path: Path, findings: Findings) -> Paper:
    """Lines, each of which names the digest of the one before it; what stands behind the last line end is cut off."""
    entries: list[Claim | Succession] = []
    name = f"{path.parent.name}/{path.name}".removeprefix("/")
    previous, last = "", 0
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        where = f"line {number} of {name}"
        entry = _entry(line, where, findings)
        if entry is not None:
            found, told = entry
            if told != previous:
                findings.wrong(f"{where} does not follow the line before it: one was removed, added or changed")
            if isinstance(found, Claim):
                if found.position <= last:
                    findings.wrong(f"{where} is about position {found.position}, after one about {last}")
                last = found.position
            entries.append(found)
        previous = hashlib.sha256(line).hexdigest()
    return Paper(name=name, entries=tuple(entries), ordered=True)


def _folder(folder: Path, paths: list[Path], findings: Findings) -> Paper:
    entries = [_entry(path.read_bytes(), path.name, findings) for path in paths]
    claims = [entry[0] for entry in entries if entry is not None]
    return Paper(name=f"the folder {folder.name}", entries=tuple(claims), ordered=False)


def _entry(line: bytes, where: str, findings: Findings) -> tuple[Claim | Succession, str] | None:
    """What a line says, and the digest of its predecessor that it names."""
    try:
        found: Mapping[str, Any] = json.loads(line)
        return _said(found), str(found["previous"])
    except (ValueError, KeyError, TypeError, IndexError):
        findings.wrong(f"{where} is no checkpoint")
        return None


def _said(found: Mapping[str, Any]) -> Claim | Succession:
    if "signedBy" in found:
        return Succession(
            public_key=str(found["publicKey"]),
            at=str(found["at"]),
            signature=str(found["signature"]),
            signed_by=str(found["signedBy"]),
            previous=str(found["previous"]),
        )
    position = found["position"]
    if not isinstance(position, int) or isinstance(position, bool):
        raise TypeError("a position is a number")
    return Claim(
        position=position,
        hash=str(found["hash"]),
        at=str(found["at"]),
        signature=str(found["signature"]),
        public_key=str(found["publicKey"]),
    )
