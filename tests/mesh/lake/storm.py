"""Audited accesses in numbers, recorded as the audit records them."""

import uuid

from server.adapters.store.append import NewEvent
from server.adapters.store.commands import Commands
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from server.mesh.lake.facts import AccessAudited


def own_intent() -> Intent:
    """An intent that nobody repeats."""
    return Intent(actor="admin", correlation_id="test", key=f"~{uuid.uuid4()}", digest=b"", keyed=False)


async def read(commands: Commands, lake: Urn, dataset: Urn, count: int) -> None:
    """So many accesses in one append."""
    access = AccessAudited(lake=lake, accessor="eve", dataset=dataset, action="records", purpose="support")
    new = NewEvent(stream=lake, event=access, about=(lake, dataset))
    await commands.note(own_intent(), (new,) * count)
