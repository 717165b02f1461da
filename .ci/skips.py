"""Tells which tests were skipped, and fails where this machine has what they need.

    python .ci/skips.py REPORT < REASONS

REPORT is pytest's in JUnit's form; each line of REASONS begins a reason for which a test may be skipped here.
"""

import sys
from xml.etree import ElementTree


def main() -> int:
    """Status 1 where a test was skipped for another reason."""
    allowed = tuple(sys.stdin.read().splitlines())
    status = 0
    for test in ElementTree.parse(sys.argv[1]).iter("testcase"):  # noqa: S314  # our own report
        for skipped in test.iter("skipped"):
            reason = skipped.get("message", "")
            may = reason.startswith(allowed)
            told = "skipped" if may else "must not be skipped here"
            print(f"{told}: {test.get('classname')}.{test.get('name')}: {reason}")  # noqa: T201  # it is what it is for
            status = status if may else 1
    return status


if __name__ == "__main__":
    sys.exit(main())
