"""Commands on datasets."""

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.commands import Commands, Receipt
from server.kernel.fields import Field
from server.kernel.ids import Kind, check_name, urn
from server.kernel.intent import Intent
from server.mesh.dataset.domain import DATASET, RegisterDataset, State

DATASETS = Aggregate(Kind.DATASET, DATASET, State)


class DatasetService:
    """Registers datasets."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def register(
        self,
        name: str,
        fields: tuple[Field, ...],
        *,
        contains_pii: bool | None,
        encryption_enabled: bool,
        intent: Intent,
    ) -> Receipt:
        """Give a dataset its name and schema. Raises: BadUserInput, AlreadyExists, Conflict."""
        dataset = urn(Kind.DATASET, check_name(name, field="name"))
        command = RegisterDataset(
            dataset=dataset,
            name=name,
            fields=fields,
            contains_pii=contains_pii,
            encryption_enabled=encryption_enabled,
        )
        return await self._commands.execute(DATASETS, dataset, command, intent)
