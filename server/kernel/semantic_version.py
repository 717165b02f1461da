"""Semantic versions: MAJOR.MINOR.PATCH, after semver.org 2.0.0 without pre-releases and builds."""

import re
from functools import total_ordering

from server.kernel.errors import BadUserInput
from server.kernel.record import record

_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_SUFFIXED = re.compile(r"\d+\.\d+\.\d+[-+].*", re.ASCII | re.DOTALL)


@total_ordering
@record
class SemanticVersion:
    """A version. A higher major number breaks consumers."""

    major: int
    minor: int
    patch: int

    def __lt__(self, other: "SemanticVersion") -> bool:
        return (self.major, self.minor, self.patch) < (other.major, other.minor, other.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse_version(text: str) -> SemanticVersion:
    """Read a version. Raises: BadUserInput."""
    found = _VERSION.fullmatch(text)
    if found is None:
        why = (
            "a pre-release or a build is no version of a data product: leave out what follows the third number"
            if _SUFFIXED.fullmatch(text)
            else "write MAJOR.MINOR.PATCH, such as 1.4.0: three numbers of at most 9 digits without leading zeros"
        )
        raise BadUserInput(f"version {text[:80]!r} is not taken; {why}", field="version")
    return SemanticVersion(major=int(found[1]), minor=int(found[2]), patch=int(found[3]))
