"""Contract events as changes of the read table."""

from collections.abc import Sequence
from typing import Any, assert_never

from pydantic import TypeAdapter

from server.adapters.store.intervals import Change, Open, Write
from server.kernel.ids import name_of
from server.kernel.recorded import Recorded
from server.mesh.contract.domain import (
    ContractStatus,
    DataContractDefined,
    DataContractRetired,
    DataContractUpdated,
    Event,
    Terms,
    terms_of,
)
from server.mesh.contract.tables import ContractRow

TERMS = TypeAdapter(Terms)
TABLES = (ContractRow,)


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    """What the event changes."""
    event = recorded.event
    match event:
        case DataContractDefined():
            values = {
                "contract_id": name_of(event.contract),
                "dataset": event.dataset,
                "status": ContractStatus.ACTIVE,
                "defined_at": recorded.recorded_at,
                **current(recorded, event),
            }
            return [Open(table=ContractRow, id=recorded.stream, values=values)]
        case DataContractUpdated():
            return [Change(table=ContractRow, id=recorded.stream, values=current(recorded, event))]
        case DataContractRetired():
            values = {"revision": recorded.version, "status": ContractStatus.RETIRED}
            return [Change(table=ContractRow, id=recorded.stream, values=values)]
        case _:
            assert_never(event)


def current(
    recorded: Recorded[Event], event: DataContractDefined | DataContractUpdated
) -> dict[str, Any]:  # a column's Python value
    """The columns that follow the terms."""
    terms: dict[str, Any] = TERMS.dump_python(terms_of(event), mode="json")
    return {"revision": recorded.version, "version": event.contract_version, **terms}
