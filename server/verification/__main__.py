"""The verifier's command line: `python -m server.verification`, or of its folder alone wherever that was copied."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .finding import Unreadable
from .report import Report
from .verify import Question, verify

STATUS = "Status 0: intact. 1: something is not as it was recorded or signed. 2: it could not be verified."


def asked(arguments: Sequence[str] | None) -> tuple[Question, bool]:
    """The question that the arguments put, and whether the answer is to be JSON."""
    parser = argparse.ArgumentParser(
        prog="verification",
        description="Recomputes the hash chain of a Lakemesh log and holds it against signed checkpoints.",
        epilog=STATUS,
    )
    parser.add_argument("--database", default=os.environ.get("DATABASE_URL"), metavar="DSN", help="or DATABASE_URL")
    parser.add_argument(
        "--checkpoints", type=Path, nargs="+", action="extend", default=[], metavar="PLACE", help="files or folders"
    )
    parser.add_argument(
        "--public-key", action="append", default=[], metavar="BASE64", help="a key that you know; may be repeated"
    )
    parser.add_argument("--from", type=int, default=0, dest="after", metavar="POSITION", help="begin behind it")
    parser.add_argument("--live", action="store_true", help="the places are the server's own, not copies of them")
    parser.add_argument("--json", action="store_true", help="answer for programs")
    given = parser.parse_args(arguments)
    if not given.database:
        parser.error("name the database: --database DSN, or DATABASE_URL")
    if given.after < 0:
        parser.error("positions count from 0")
    question = Question(
        dsn=given.database,
        places=tuple(given.checkpoints),
        keys=tuple(given.public_key),
        after=given.after,
        live=given.live,
    )
    return question, given.json


def told(report: Report, *, as_json: bool) -> str:
    """The report as text."""
    return json.dumps(report.json, indent=2) if as_json else "\n".join(report.lines())


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, tell, and answer the status."""
    question, as_json = asked(arguments)
    try:
        report = asyncio.run(verify(question))
    except Unreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{told(report, as_json=as_json)}\n")
    return 0 if report.intact else 1


if __name__ == "__main__":
    sys.exit(main())
