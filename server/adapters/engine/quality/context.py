"""What a check of a batch rests on besides its rows: the instant, and files of other batches."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime

from server.adapters.engine.source import Source
from server.kernel.record import record


@record
class RuleContext:
    """`batch`: the bare id of the judged batch, whose rows in `dataset_sources` are passed over.

    `references`: the files of each dataset that a rule looks into, by its bare name.
    """

    now: datetime
    batch: str
    dataset_sources: Sequence[Source] = ()
    references: Mapping[str, Sequence[Source]] = field(default_factory=dict[str, Sequence[Source]])
