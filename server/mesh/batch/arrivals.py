"""Arrivals: what every new batch must satisfy, whichever way its rows come."""

from server.adapters.store.commands import Commands
from server.kernel.errors import AlreadyExists, PreconditionFailed
from server.kernel.ids import Kind, Urn, check_name, name_of, urn
from server.kernel.intent import Intent
from server.kernel.record import record
from server.mesh.batch.facts_now import FactsNow
from server.mesh.batch.stream import BATCHES
from server.mesh.contract.domain import ContractStatus
from server.mesh.contract.queries import ContractRow, terms_of_row
from server.mesh.dataset.queries import DatasetRow


@record
class Arrival:
    """A batch that may come, with the dataset and the contract under which it does."""

    batch: Urn
    dataset: DatasetRow
    contract: ContractRow


class Arrivals:
    """Judges what is known of a batch before its rows are read."""

    def __init__(self, commands: Commands, facts: FactsNow) -> None:
        self._commands = commands
        self._facts = facts

    async def expected(self, dataset: str, contract: str, batch: Urn) -> Arrival:
        """The batch, if it may come. Raises: NotFound, AlreadyExists, PreconditionFailed, BadUserInput."""
        owner = await self._facts.datasets.known(dataset)
        terms = await self._facts.contracts.known(contract)
        if terms.dataset != owner.id:
            raise PreconditionFailed(
                f"contract {terms.contract_id!r} is for dataset {name_of(Urn(terms.dataset))!r}, not {owner.name!r};"
                " give one of its own, or create it with createContract",
                field="contractId",
            )
        if terms.status == ContractStatus.RETIRED:
            raise PreconditionFailed(
                f"contract {terms.contract_id!r} is retired; append under another one", field="contractId"
            )
        promised = terms_of_row(terms)
        await self._facts.check_fit(terms, owner.schema_version, (*promised.quality_rules, *promised.privacy_rules))
        if (await self._commands.load(BATCHES, batch)).state is not None:
            raise AlreadyExists(f"batch {name_of(batch)!r} exists; choose another batchId", field="batchId")
        return Arrival(batch=batch, dataset=owner, contract=terms)


def named_batch(batch_id: str | None, intent: Intent) -> Urn:
    """The batch that a client names, or one of a name made for this command. Raises: BadUserInput."""
    if batch_id is None:
        batch_id = f"batch-{intent.seed().hex()[:16]}"
    return urn(Kind.BATCH, check_name(batch_id, field="batchId"))
