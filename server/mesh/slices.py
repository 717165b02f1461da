"""All slices in one place: the events, projections and read tables that the store serves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from server.adapters.store.intervals import Interval, Write
from server.kernel.codec import Codec, Upcast
from server.kernel.record import record
from server.kernel.recorded import Recorded
from server.mesh.audit import projection as audit_projection
from server.mesh.batch import facts as batch_facts
from server.mesh.batch import projection as batch_projection
from server.mesh.contract import domain as contract_domain
from server.mesh.contract import projection as contract_projection
from server.mesh.dataset import domain as dataset_domain
from server.mesh.dataset import projection as dataset_projection
from server.mesh.deletion import projection as deletion_projection
from server.mesh.domain import domain as domain_domain
from server.mesh.domain import projection as domain_projection
from server.mesh.lake import facts as lake_facts
from server.mesh.lake import projection as lake_projection
from server.mesh.lineage import facts as lineage_facts
from server.mesh.lineage import projection as lineage_projection
from server.mesh.product import facts as product_facts
from server.mesh.product import projection as product_projection


@record
class Slice:
    """What a slice gives to the store."""

    name: str
    events: tuple[type, ...]
    project: Callable[[Recorded[Any]], Sequence[Write]]  # of the slice's own events
    tables: tuple[type[Interval], ...]
    upcasts: Mapping[type, Sequence[Upcast]]


SLICES: tuple[Slice, ...] = (
    Slice(
        name="domain",
        events=get_args(domain_domain.Event),
        project=domain_projection.project,
        tables=domain_projection.TABLES,
        upcasts={},
    ),
    Slice(
        name="product",
        events=get_args(product_facts.Event),
        project=product_projection.project,
        tables=product_projection.TABLES,
        upcasts={},
    ),
    Slice(
        name="dataset",
        events=get_args(dataset_domain.Event),
        project=dataset_projection.project,
        tables=dataset_projection.TABLES,
        upcasts=dataset_domain.UPCASTS,
    ),
    Slice(
        name="contract",
        events=get_args(contract_domain.Event),
        project=contract_projection.project,
        tables=contract_projection.TABLES,
        upcasts=contract_domain.UPCASTS,
    ),
    Slice(
        name="batch",
        events=get_args(batch_facts.Event),
        project=batch_projection.project,
        tables=batch_projection.TABLES,
        upcasts=batch_facts.UPCASTS,
    ),
    Slice(
        name="lineage",
        events=get_args(lineage_facts.Event),
        project=lineage_projection.project,
        tables=lineage_projection.TABLES,
        upcasts={},
    ),
    Slice(
        name="lake",
        events=get_args(lake_facts.LakeEvent),
        project=lake_projection.project,
        tables=lake_projection.TABLES,
        upcasts={},
    ),
    Slice(
        name="deletion",
        events=get_args(lake_facts.DeletionEvent),
        project=deletion_projection.project,
        tables=deletion_projection.TABLES,
        upcasts={},
    ),
    Slice(
        name="audit",
        events=(lake_facts.AccessAudited,),
        project=audit_projection.project,
        tables=audit_projection.TABLES,
        upcasts={},
    ),
)

CODEC = Codec(
    [event for part in SLICES for event in part.events],
    {event: lifts for part in SLICES for event, lifts in part.upcasts.items()},
)
PROJECTIONS = {event: part.project for part in SLICES for event in part.events}
TABLES = tuple(table for part in SLICES for table in part.tables)
