"""What other slices say now of a batch: its dataset's columns, its contract's terms, the gate to publishing."""

from collections.abc import Sequence

from server.adapters.store.append import StreamCheck
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyStrategy
from server.mesh.batch.commands import PublishGate
from server.mesh.batch.state import Batch
from server.mesh.contract.queries import ContractQueries, terms_of_row
from server.mesh.dataset.queries import DatasetQueries, fields_of


class FactsNow:
    """Reads of the other slices that decisions about batches rest on."""

    def __init__(self, datasets: DatasetQueries, contracts: ContractQueries) -> None:
        self.datasets = datasets
        self.contracts = contracts

    async def gate(self, batch: Batch) -> tuple[PublishGate, Sequence[StreamCheck]]:
        """What publishing the batch asks now, and the versions that this rests on."""
        dataset = await self.datasets.known(batch.dataset)
        contract = await self.contracts.known(batch.contract)
        terms = terms_of_row(contract)
        gate = PublishGate(
            has_quality_rules=bool(terms.quality_rules),
            personal=tuple(field.name for field in fields_of(dataset) if field.pii),
            kept=tuple(rule.column for rule in terms.privacy_rules if rule.strategy is PrivacyStrategy.KEEP),
        )
        return gate, (
            StreamCheck(stream=Urn(dataset.id), version=dataset.revision),
            StreamCheck(stream=Urn(contract.id), version=contract.revision),
        )
