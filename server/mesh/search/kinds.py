"""The kinds of things in a mesh, and where those that are searched stand."""

from collections.abc import Collection, Sequence
from enum import StrEnum

from server.adapters.store.intervals import Interval
from server.kernel.errors import BadUserInput
from server.mesh.contract.tables import ContractRow
from server.mesh.dataset.tables import DatasetRow
from server.mesh.domain.tables import DomainRow
from server.mesh.lake.tables import LakeRow
from server.mesh.lineage.tables import ExternalRow
from server.mesh.product.tables import ProductRow


class AssetKind(StrEnum):
    """What a thing of the mesh is."""

    DOMAIN = "DOMAIN"
    PRODUCT = "PRODUCT"
    DATASET = "DATASET"
    CONTRACT = "CONTRACT"
    BATCH = "BATCH"
    LAKE = "LAKE"
    EXTERNAL = "EXTERNAL"


SEARCHED: dict[AssetKind, type[Interval]] = {
    AssetKind.DOMAIN: DomainRow,
    AssetKind.PRODUCT: ProductRow,
    AssetKind.DATASET: DatasetRow,
    AssetKind.CONTRACT: ContractRow,
    AssetKind.LAKE: LakeRow,
    AssetKind.EXTERNAL: ExternalRow,
}


def tables_of(kinds: Collection[AssetKind] | None) -> Sequence[str]:
    """The names of the tables behind these kinds, None for all. Raises: BadUserInput for batches."""
    if kinds is not None and AssetKind.BATCH in kinds:
        raise BadUserInput(
            "kind BATCH is not searched, for a batch has no text of its own; find its dataset, then list its batches",
            field="kinds",
        )
    return [str(table.__tablename__) for kind, table in SEARCHED.items() if kinds is None or kind in kinds]
