"""What a lake's compliance level asks: of datasets that come in, of schemas that change, of what is published."""

from collections.abc import Sequence

from server.kernel.compliance import ComplianceLevel
from server.kernel.errors import PreconditionFailed
from server.kernel.fields import Field
from server.kernel.ids import Urn, name_of
from server.kernel.record import record
from server.mesh.lake.commands import IngestDataset


@record
class LakeRules:
    """The rules of one lake."""

    lake: Urn
    level: ComplianceLevel

    def check_ingest(self, command: IngestDataset) -> None:
        """Refuse a dataset that the level does not let in. Raises: PreconditionFailed."""
        if not self.level.guards_subjects:
            return
        if command.contains_pii is None:
            raise PreconditionFailed(
                f"lake {name_of(self.lake)!r} is {self.level.value} and needs to know whether dataset"
                f" {name_of(command.dataset)!r} holds personal data; say containsPii true or false",
                field="containsPii",
            )
        self.check_subject_key(command.dataset, command.fields, personal=command.contains_pii)
        if self.level is ComplianceLevel.STRICT:
            self._check_strict(command)

    def check_evolution(
        self, dataset: Urn, before: Sequence[Field], after: Sequence[Field], *, personal: bool | None
    ) -> None:
        """Refuse a schema under which rows could no longer be told to be about somebody. Raises: PreconditionFailed."""
        if not self.level.guards_subjects:
            return
        then = {field.name: field for field in after}
        for field in before:
            still = then.get(field.name)
            if field.subject_key and (still is None or not still.subject_key):
                raise PreconditionFailed(
                    f"field {field.name!r} is the subjectKey of dataset {name_of(dataset)!r} in the {self.level.value}"
                    f" lake {name_of(self.lake)!r}; keep it, and its mark, in the schema",
                    field="fields",
                )
            if field.pii and still is not None and not still.pii:
                raise PreconditionFailed(
                    f"field {field.name!r} of dataset {name_of(dataset)!r} is marked pii, and stays so in the"
                    f" {self.level.value} lake {name_of(self.lake)!r}; keep the mark",
                    field="fields",
                )
        self.check_subject_key(dataset, after, personal=personal)

    def check_subject_key(self, dataset: Urn, fields: Sequence[Field], *, personal: bool | None) -> None:
        """Refuse personal data of which nobody says whom a row is about. Raises: PreconditionFailed."""
        if any(field.subject_key for field in fields) or not (personal or any(field.pii for field in fields)):
            return
        raise PreconditionFailed(
            f"dataset {name_of(dataset)!r} holds personal data, and the {self.level.value} lake"
            f" {name_of(self.lake)!r} must be able to erase it; mark the field that names the person as subjectKey"
            " with evolveSchema",
            field="dataset",
        )

    def _check_strict(self, command: IngestDataset) -> None:
        encrypted = command.known_encryption if command.encryption_enabled is None else command.encryption_enabled
        if not encrypted:
            raise PreconditionFailed(
                f"lake {name_of(self.lake)!r} is STRICT and takes encrypted datasets only; encrypt"
                f" {name_of(command.dataset)!r} at rest and say encryptionEnabled true",
                field="encryptionEnabled",
            )
        if (bare := command.bare) is not None:
            raise PreconditionFailed(
                f"batch {name_of(bare.batch)!r} of dataset {name_of(command.dataset)!r} is published with the personal"
                f" columns {', '.join(map(repr, bare.columns))} as they were, which the STRICT lake"
                f" {name_of(self.lake)!r} does not allow; let the contract hide them and replay the dataset with"
                " requestReplay",
                field="dataset",
                batch=bare.batch,
                columns=list(bare.columns),
            )
