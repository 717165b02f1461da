"""The batch aggregate as the store knows it."""

from server.adapters.store.aggregate import Aggregate
from server.kernel.ids import Kind
from server.mesh.batch.domain import BATCH
from server.mesh.batch.state import State

BATCHES = Aggregate(Kind.BATCH, BATCH, State)
