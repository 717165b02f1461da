"""What other slices say now of a batch: its dataset's columns, its contract's terms, the gate to publishing."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from server.adapters.store.append import Check, StreamCheck
from server.kernel.compliance import ComplianceLevel
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyStrategy
from server.mesh.batch.commands import PublishGate
from server.mesh.batch.state import Batch
from server.mesh.contract.fit import Rule, left_behind, misfits
from server.mesh.contract.queries import ContractQueries, ContractRow, terms_of_row
from server.mesh.dataset.queries import DatasetQueries, fields_of
from server.mesh.lake.membership import Memberships


class FactsNow:
    """Reads of the other slices that decisions about batches rest on."""

    def __init__(self, datasets: DatasetQueries, contracts: ContractQueries, memberships: Memberships) -> None:
        self.datasets = datasets
        self.contracts = contracts
        self.memberships = memberships

    async def columns(self, dataset: str, version: int) -> tuple[Field, ...]:
        """The columns of rows that were written under a version of the schema, with the marks of then and of now."""
        then = await self.datasets.fields_at(dataset, version)
        now = {field.name: field for field in fields_of(await self.datasets.known(dataset))}
        return tuple(marked(field, now.get(field.name, field)) for field in then)

    async def check_fit(self, contract: ContractRow, version: int, rules: Sequence[Rule]) -> None:
        """Refuse rules of a contract that a version of the schema does not fit. Raises: PreconditionFailed."""
        fields = await self.datasets.fields_at(contract.dataset, version)
        found = await asyncio.to_thread(misfits, rules, fields)
        if not found:
            return
        dataset = await self.datasets.known(contract.dataset)
        named = {one.rule for one in found}
        fit_now = named.isdisjoint(one.rule for one in misfits(rules, fields_of(dataset)))
        raise left_behind(
            contract.contract_id,
            version,
            found,
            f"requestReplay of dataset {dataset.name!r} gives the rows the schema of today"
            if fit_now and version != dataset.schema_version
            else "change them with updateContract",
        )

    async def gate(self, batch: Batch, version: int | None = None) -> tuple[PublishGate, Sequence[Check]]:
        """What publishing the batch asks now, and the versions that this rests on.

        `version`: of the schema under which its rows are written; that of the batch where none is given.
        """
        dataset = await self.datasets.known(batch.dataset)
        contract = await self.contracts.known(batch.contract)
        terms = terms_of_row(contract)
        columns = await self.columns(batch.dataset, version or batch.schema_version)
        membership = await self.memberships.of(dataset.id)
        strict = membership.rules is not None and membership.rules.level is ComplianceLevel.STRICT
        gate = PublishGate(
            has_quality_rules=bool(terms.quality_rules),
            personal=tuple(field.name for field in columns if field.pii),
            kept=tuple(rule.column for rule in terms.privacy_rules if rule.strategy is PrivacyStrategy.KEEP),
            strict=membership.rules.lake if membership.rules is not None and strict else None,
        )
        return gate, (
            StreamCheck(stream=Urn(dataset.id), version=dataset.revision),
            StreamCheck(stream=Urn(contract.id), version=contract.revision),
            *membership.checks,
        )


def marked(then: Field, now: Field) -> Field:
    """A column of then: personal, or the name of a person, if it was marked so or is by now."""
    return replace(then, pii=then.pii or now.pii, subject_key=then.subject_key or now.subject_key)
