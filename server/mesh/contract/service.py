"""Commands on contracts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.append import MUST_EXIST, StreamCheck
from server.adapters.store.commands import Commands, Decision, Receipt, decide, version_differs
from server.kernel.fields import Field
from server.kernel.ids import Kind, Urn, check_name, reference, urn
from server.kernel.intent import Intent
from server.kernel.privacy import check_privacy
from server.kernel.quality import QualityRule
from server.kernel.text import said
from server.mesh.contract.domain import CONTRACT, CreateContract, RetireContract, State, Terms, UpdateContract, active
from server.mesh.dataset.queries import DatasetQueries, fields_of

CONTRACTS = Aggregate(Kind.CONTRACT, CONTRACT, State)

# Refuses quality rules that do not fit the columns or hold a pattern that the engine cannot read.
CheckQuality: TypeAlias = Callable[[Sequence[QualityRule], Sequence[Field]], object]


class ContractService:
    """Defines, changes and ends contracts."""

    def __init__(self, commands: Commands, datasets: DatasetQueries, check_quality: CheckQuality) -> None:
        self._commands = commands
        self._datasets = datasets
        self._check_quality = check_quality

    async def create(
        self, contract_id: str | None, dataset: str, terms: Terms, *, intent: Intent
    ) -> tuple[Urn, Receipt]:
        """Define a contract. Raises: NotFound, AlreadyExists, BadUserInput."""
        if contract_id is None:
            contract_id = f"contract-{intent.seed().hex()[:12]}"
        contract = urn(Kind.CONTRACT, check_name(contract_id, field="contractId"))
        known = await self._datasets.known(dataset)
        self._check_rules(terms, fields_of(known))
        command = CreateContract(contract=contract, dataset=Urn(known.id), terms=terms)
        guard = StreamCheck(stream=Urn(known.id), version=MUST_EXIST)
        return contract, await self._commands.execute(CONTRACTS, contract, command, intent, guards=[guard])

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
            self._check_rules(terms, fields_of(await self._datasets.known(known.dataset)))
            return decide(CONTRACTS, stream, loaded, UpdateContract(contract=stream, terms=terms))

        return stream, await self._commands.perform(intent, attempt)

    async def retire(self, contract: str, reason: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """End a contract. Raises: NotFound, PreconditionFailed."""
        stream = reference(Kind.CONTRACT, contract, field="contract")
        command = RetireContract(contract=stream, reason=said(reason, field="reason"))
        return stream, await self._commands.execute(CONTRACTS, stream, command, intent)

    def _check_rules(self, terms: Terms, fields: Sequence[Field]) -> None:
        self._check_quality(terms.quality_rules, fields)
        check_privacy(terms.privacy_rules, fields)
