"""Commands on contracts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.append import StreamCheck
from server.adapters.store.commands import Commands, Decision, Receipt, decide, version_differs
from server.kernel.fields import Field
from server.kernel.ids import Kind, Urn, check_name, reference, urn
from server.kernel.intent import Intent
from server.kernel.privacy import check_privacy
from server.kernel.quality import QualityRule
from server.kernel.text import said
from server.mesh.contract.domain import CONTRACT, CreateContract, RetireContract, State, Terms, UpdateContract, active
from server.mesh.contract.references import References
from server.mesh.dataset.queries import DatasetQueries, DatasetRow, fields_of

CONTRACTS = Aggregate(Kind.CONTRACT, CONTRACT, State)

# Refuses quality rules that do not fit the columns or hold a pattern that the engine cannot read.
CheckQuality: TypeAlias = Callable[[Sequence[QualityRule], Sequence[Field]], object]


class ContractService:
    """Defines, changes and ends contracts."""

    def __init__(
        self, commands: Commands, datasets: DatasetQueries, check_quality: CheckQuality, references: References
    ) -> None:
        self._commands = commands
        self._datasets = datasets
        self._check_quality = check_quality
        self._references = references

    async def create(
        self, contract_id: str | None, dataset: str, terms: Terms, *, intent: Intent
    ) -> tuple[Urn, Receipt]:
        """Define a contract. Raises: NotFound, AlreadyExists, PreconditionFailed, BadUserInput."""
        if contract_id is None:
            contract_id = f"contract-{intent.seed().hex()[:12]}"
        contract = urn(Kind.CONTRACT, check_name(contract_id, field="contractId"))

        async def attempt() -> Decision:
            known = await self._datasets.known(dataset)
            fit = await self._check_rules(contract, terms, known)
            loaded = await self._commands.load(CONTRACTS, contract)
            command = CreateContract(contract=contract, dataset=Urn(known.id), terms=terms)
            decision = decide(CONTRACTS, contract, loaded, command)
            return Decision(checks=(*decision.checks, fit), events=decision.events)

        async with self._references.alone(terms.quality_rules):
            return contract, await self._commands.perform(intent, attempt)

    async def update(
        self,
        contract: str,
        changes: Mapping[str, Any],  # values of Terms by name
        *,
        expected: int | None,
        intent: Intent,
    ) -> tuple[Urn, Receipt]:
        """Replace some terms. Raises: NotFound, PreconditionFailed, Conflict, BadUserInput."""
        stream = reference(Kind.CONTRACT, contract, field="contract")

        async def attempt() -> Decision:
            loaded = await self._commands.load(CONTRACTS, stream)
            known = active(stream, loaded.state)
            if expected is not None and loaded.version != expected:
                raise version_differs(loaded, expected)
            terms = replace(known.terms, **changes)
            fit = await self._check_rules(stream, terms, await self._datasets.known(known.dataset))
            decision = decide(CONTRACTS, stream, loaded, UpdateContract(contract=stream, terms=terms))
            return Decision(checks=(*decision.checks, fit), events=decision.events)

        async with self._references.alone(changes.get("quality_rules", ())):
            return stream, await self._commands.perform(intent, attempt)

    async def retire(self, contract: str, reason: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """End a contract. Raises: NotFound, PreconditionFailed."""
        stream = reference(Kind.CONTRACT, contract, field="contract")
        command = RetireContract(contract=stream, reason=said(reason, field="reason"))
        return stream, await self._commands.execute(CONTRACTS, stream, command, intent)

    async def _check_rules(self, contract: Urn, terms: Terms, dataset: DatasetRow) -> StreamCheck:
        """The version of the dataset whose schema the rules fit."""
        fields = fields_of(dataset)
        await asyncio.to_thread(self._check_quality, terms.quality_rules, fields)
        await self._references.check(contract, dataset, terms.quality_rules)
        await asyncio.to_thread(check_privacy, terms.privacy_rules, fields)
        return StreamCheck(stream=Urn(dataset.id), version=dataset.revision)
