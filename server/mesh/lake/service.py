"""Commands on data lakes: they are created, and datasets come into them."""

from collections.abc import Callable

from server.adapters.store.append import QuietCheck, StreamCheck
from server.adapters.store.commands import Commands, Decision, Receipt, decide
from server.kernel.compliance import ComplianceLevel
from server.kernel.ids import Kind, Urn, check_name, reference, urn
from server.kernel.intent import Intent
from server.kernel.record import record
from server.mesh.batch.facts import BatchReplayed, DataPublished
from server.mesh.dataset.queries import DatasetQueries, DatasetRow, fields_of
from server.mesh.lake.bare_batches import BareBatches
from server.mesh.lake.commands import BareBatch, CreateLake, IngestDataset
from server.mesh.lake.membership import Memberships
from server.mesh.lake.state import existing
from server.mesh.lake.stream import LAKES


@record
class Figures:
    """What is told of a dataset that comes into a lake; None: not said."""

    data_source: str
    record_count: int
    contains_pii: bool | None
    encryption_enabled: bool | None


class LakeService:
    """Creates lakes and takes datasets into them. `moved` is told of each dataset that comes into one."""

    def __init__(
        self,
        commands: Commands,
        datasets: DatasetQueries,
        memberships: Memberships,
        bare: BareBatches,
        moved: Callable[[Urn], None],
    ) -> None:
        self._commands = commands
        self._datasets = datasets
        self._memberships = memberships
        self._bare = bare
        self._moved = moved

    async def create(
        self, lake_id: str, name: str, owner: str, region: str, level: ComplianceLevel, *, intent: Intent
    ) -> tuple[Urn, Receipt]:
        """Give a lake its id. Raises: BadUserInput, AlreadyExists, Conflict."""
        lake = urn(Kind.LAKE, check_name(lake_id, field="lakeId"))
        command = CreateLake(lake=lake, name=name, owner=owner, region=region, compliance_level=level)
        return lake, await self._commands.execute(LAKES, lake, command, intent)

    async def ingest(self, lake: str, dataset: str, figures: Figures, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Take a dataset into a lake. Raises: BadUserInput, NotFound, PreconditionFailed, Conflict."""
        stream = reference(Kind.LAKE, lake, field="lake")

        async def attempt() -> Decision:
            loaded = await self._commands.load(LAKES, stream)
            known = existing(stream, loaded.state if loaded.stream == stream else None)
            row = await self._datasets.known(dataset)
            membership = await self._memberships.of(row.id)
            # what was published before this moment is looked at below; what comes later is a conflict
            published = QuietCheck(
                thing=Urn(row.id), types=(DataPublished, BatchReplayed), position=membership.position
            )
            strict = known.level is ComplianceLevel.STRICT
            bare = await self._bare.first(row) if strict else None
            elsewhere = membership.rules.lake if membership.rules is not None else None
            command = ingest_command(stream, row, figures, elsewhere if elsewhere != stream else None, bare)
            decision = decide(LAKES, stream, loaded, command, (Urn(row.id),))
            as_read = StreamCheck(stream=Urn(row.id), version=row.revision)
            guards = (as_read, *membership.checks, *((published,) if strict else ()))
            return Decision(checks=(*decision.checks, *guards), events=decision.events)

        receipt = await self._commands.perform(intent, attempt, tries=LAKES.tries)
        self._moved(reference(Kind.DATASET, dataset, field="dataset"))
        return stream, receipt


def ingest_command(
    lake: Urn, row: DatasetRow, figures: Figures, elsewhere: Urn | None, bare: BareBatch | None
) -> IngestDataset:
    """The command with what is known of the dataset."""
    return IngestDataset(
        lake=lake,
        dataset=Urn(row.id),
        data_source=figures.data_source,
        record_count=figures.record_count,
        contains_pii=figures.contains_pii,
        encryption_enabled=figures.encryption_enabled,
        known_pii=row.contains_pii,
        known_encryption=row.encryption_enabled,
        fields=fields_of(row),
        elsewhere=elsewhere,
        bare=bare,
    )
