"""The lake aggregate as the store knows it."""

from server.adapters.store.aggregate import Aggregate
from server.kernel.ids import Kind
from server.mesh.lake.domain import LAKE
from server.mesh.lake.facts import AccessAudited
from server.mesh.lake.state import State

TRIES = 50  # every request in a lake and every ingestion is decided on its one stream

LAKES = Aggregate(Kind.LAKE, LAKE, State, beside=(AccessAudited,), tries=TRIES)
