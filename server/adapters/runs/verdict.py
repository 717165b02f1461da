"""How a handler's end becomes the run's: success, a refusal told in full, a fault told as INTERNAL."""

import asyncio
import logging

from server.adapters.runs.claims import Verdict
from server.adapters.runs.context import RunContext, RunOutcome
from server.kernel.errors import Refused

logger = logging.getLogger(__name__)


class DiedTooOften(Exception):
    """One worker after the other died in this run: it is taken for the cause."""


def verdict_of(context: RunContext, ended: "asyncio.Task[RunOutcome]") -> Verdict:
    """The verdict on a handler that has ended by itself."""
    fault = asyncio.CancelledError() if ended.cancelled() else ended.exception()
    if fault is None:
        return success(context, ended.result())
    if isinstance(fault, Refused):
        return Verdict(
            progress=context.fraction,
            rows_done=context.rows_done,
            error=fault.message,
            error_code=fault.code,
            error_field=fault.field,
            error_details=fault.details or None,
        )
    run, died = context.run, isinstance(fault, DiedTooOften)
    logger.error("%s %s failed; correlation id %s", run.kind, run.id, run.correlation_id, exc_info=fault)
    what = "the server ended again and again in the middle of this run" if died else "internal error"
    return Verdict(
        progress=context.fraction,
        rows_done=context.rows_done,
        error=f"{what}; correlation id {run.correlation_id}",
        error_code="INTERNAL",
    )


def success(context: RunContext, outcome: RunOutcome) -> Verdict:
    """The verdict on a run that came to this."""
    return Verdict(
        progress=1.0,
        rows_done=context.rows_done,
        first_position=outcome.first_position,
        last_position=outcome.last_position,
    )
