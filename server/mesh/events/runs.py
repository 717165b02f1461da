"""Starting runs on behalf of a mutation, and telling their failures as the mutation's own."""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any

from server.adapters.runs import ProcessKind, Run, RunBoard, RunCursor, RunFilter, RunOutcome, RunRequest, RunStatus
from server.adapters.store.commands import Commands
from server.adapters.store.paging import Cursor, Page, PageRequest, check_first, decode_cursor, fingerprint
from server.kernel.errors import BadUserInput, NotFound, Refused
from server.kernel.ids import Urn, name_of
from server.kernel.intent import Intent

MAX_WAIT_SECONDS = 60.0
COMPLETED = "/completed"  # the part of a replay's key that stands for its end

_BY_CODE: Mapping[str, type[Refused]] = {cls.code: cls for cls in Refused.__subclasses__()}


class RunFault(Exception):
    """A run ended by a defect of ours. The message is masked already and names the correlation id."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.error)
        self.extensions = {"code": "INTERNAL", "run": run.id, "correlationId": run.correlation_id}


class Runs:
    """What the services need of the board."""

    def __init__(self, board: RunBoard, commands: Commands) -> None:
        self._board = board
        self._commands = commands

    async def repeated(self, intent: Intent, wait_seconds: float) -> Run | None:
        """The run that this command started before, as it stands after waiting. Raises: Conflict, BadUserInput."""
        check_wait(wait_seconds)
        await self._commands.answered(intent)
        if not intent.keyed:
            return None
        run = await self._board.find(intent.key, intent.digest)
        return None if run is None else await self.ended(run, wait_seconds)

    async def start(
        self,
        kind: ProcessKind,
        intent: Intent,
        *,
        dataset: Urn,
        batch_id: str | None,
        payload: Mapping[str, Any],  # any JSON: each handler has its own
        wait_seconds: float,
    ) -> Run:
        """Start a run and wait for it. Raises: what the run was refused for, within the wait."""
        check_wait(wait_seconds)
        run = await self.begin(kind, intent, dataset=dataset, batch_id=batch_id, payload=payload)
        return await self.ended(run, wait_seconds)

    async def begin(
        self,
        kind: ProcessKind,
        intent: Intent,
        *,
        dataset: Urn | None,
        batch_id: str | None,
        payload: Mapping[str, Any],  # any JSON: each handler has its own
    ) -> Run:
        """Start a run and wait for nothing."""
        request = RunRequest(
            kind=kind,
            dataset=dataset,
            batch_id=batch_id,
            actor=intent.actor,
            correlation_id=intent.correlation_id,
            command_key=intent.key,
            input_digest=intent.digest,
            payload=payload,
        )
        return await self._board.start(request)

    async def unfinished(self, kind: ProcessKind, dataset: Urn) -> Run | None:
        """A run of this kind on the dataset that has not ended, if there is one."""
        for status in (RunStatus.RUNNING, RunStatus.QUEUED):
            page = await self._board.list(RunFilter(kind=kind, status=status, dataset=dataset), first=1)
            if page.runs:
                return page.runs[0]
        return None

    async def under_way(self, kind: ProcessKind, batch: Urn) -> bool:
        """Whether a run of this kind on the batch has not ended."""
        newest = await self._board.latest(RunFilter(kind=kind, batch=name_of(batch)))
        return newest is not None and not newest.finished

    async def find(self, identifier: Urn) -> Run | None:
        """A run as it stands, or None."""
        try:
            return await self._board.get(identifier)
        except NotFound:
            return None

    def changes(self, identifier: Urn) -> AsyncGenerator[Run, None]:
        """The run now and at each change, to its end. Raises: NotFound."""
        return self._board.changes(identifier)

    async def page(self, only: RunFilter, request: PageRequest) -> Page[Run]:
        """Runs, oldest first. Raises: BadUserInput, LimitExceeded."""
        first = check_first(request.first)
        name = fingerprint("runs", repr(only))
        after = None if request.after is None else run_cursor(request.after, name)
        found = await self._board.list(only, first=first, after=after)

        async def count() -> int:
            return await self._board.count(only)

        return Page(
            rows=found.runs,
            cursors=[
                Cursor(listing=name, position=0, key=f"{run.created_at.isoformat()} {run.id}").encode()
                for run in found.runs
            ],
            has_next=found.has_more,
            has_previous=after is not None,
            position=0,
            count=count,
        )

    async def ended(self, run: Run, wait_seconds: float) -> Run:
        """The run after waiting for its end. Raises: what it was refused for, within the wait."""
        run = await self._board.wait(run.id, wait_seconds)
        if run.status is RunStatus.FAILED:
            raise failure(run)
        return run


def run_cursor(text: str, listing: str) -> RunCursor:
    """Where a page of runs ends. Raises: BadUserInput."""
    instant, _, identifier = decode_cursor(text, listing, str).key.partition(" ")
    try:
        return RunCursor(created_at=datetime.fromisoformat(instant), id=Urn(identifier))
    except ValueError:
        raise BadUserInput("this cursor is not one of ours; use endCursor of the page before", field="after") from None


def check_wait(seconds: float) -> None:
    """Refuse a wait out of bounds. Raises: BadUserInput."""
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise BadUserInput(
            f"waitSeconds {seconds:g} is out of bounds: 0 to {MAX_WAIT_SECONDS:g}; a run goes on by itself after that",
            field="waitSeconds",
        )


def failure(run: Run) -> Exception:
    """The error that a failed run amounts to: the refusal that it met, or a fault."""
    cls = _BY_CODE.get(run.error_code or "")
    if cls is None:
        return RunFault(run)
    refused = cls(run.error or "the run failed", field=run.error_field, **(run.error_details or {}))
    refused.run = run.id
    return refused


def run_intent(run: Run, part: str = "") -> Intent:
    """The intent of a run's own append: its key makes a second try of the run record nothing twice."""
    return Intent(
        actor=run.actor,
        correlation_id=run.correlation_id,
        key=f"{run.id}{part}",
        digest=b"",
        keyed=True,
    )


# Of runs whose event is the whole of what they come to. What lets a batch go still has files to remove.
_DONE_BY_EVENT: Mapping[ProcessKind, str] = {
    ProcessKind.APPEND: "",
    ProcessKind.QUALITY_CHECK: "",
    ProcessKind.ANONYMIZE: "",
    ProcessKind.PUBLISH: "",
    ProcessKind.REPLAY: COMPLETED,
}


async def recorded(commands: Commands, run: Run) -> RunOutcome | None:
    """What the run recorded, if an attempt at it came to its end; None where none did."""
    if run.kind not in _DONE_BY_EVENT:
        return None
    last = await commands.answered(run_intent(run, _DONE_BY_EVENT[run.kind]))
    if last is None:
        return None
    first = await commands.answered(run_intent(run))
    return RunOutcome(first_position=first.first if first else last.first, last_position=last.last)
