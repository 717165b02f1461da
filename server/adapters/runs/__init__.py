"""Runs: work on data that outlives the request which asked for it."""

from server.adapters.runs.board import RunBoard
from server.adapters.runs.context import Handler, Recorded, RunContext, RunOutcome
from server.adapters.runs.queue import queue_schema
from server.adapters.runs.run import ProcessKind, Run, RunCursor, RunFilter, RunPage, RunRequest, RunStatus
from server.adapters.runs.signals import RunSignals
from server.adapters.runs.worker import RunWorker

__all__ = [
    "Handler",
    "ProcessKind",
    "Recorded",
    "Run",
    "RunBoard",
    "RunContext",
    "RunCursor",
    "RunFilter",
    "RunOutcome",
    "RunPage",
    "RunRequest",
    "RunSignals",
    "RunStatus",
    "RunWorker",
    "queue_schema",
]
