"""Commands on datasets."""

import asyncio
from collections.abc import Sequence

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.append import StreamCheck
from server.adapters.store.commands import Commands, Decision, Receipt, decide, version_differs
from server.kernel.compatibility_rules import Break, Compatibility, break_of_contract
from server.kernel.fields import Field, check_fields
from server.kernel.ids import Kind, Urn, check_name, reference, urn
from server.kernel.intent import Intent
from server.mesh.contract.fit import Rule, misfits
from server.mesh.contract.queries import ContractQueries, ContractRow, terms_of_row
from server.mesh.dataset.domain import DATASET, EvolveSchema, RegisterDataset, State
from server.mesh.dataset.places import Places
from server.mesh.lake.facts import AccessAudited
from server.mesh.lake.membership import Memberships

DATASETS = Aggregate(Kind.DATASET, DATASET, State, beside=(AccessAudited,))


class DatasetService:
    """Registers datasets and changes their schemas."""

    def __init__(
        self, commands: Commands, contracts: ContractQueries, places: Places, memberships: Memberships
    ) -> None:
        self._commands = commands
        self._contracts = contracts
        self._places = places
        self._memberships = memberships

    async def register(
        self,
        name: str,
        fields: tuple[Field, ...],
        *,
        contains_pii: bool | None,
        encryption_enabled: bool,
        intent: Intent,
        product: str | None = None,
        domain: str | None = None,
    ) -> Receipt:
        """Give a dataset its name, schema and place. Raises: BadUserInput, NotFound, AlreadyExists, Conflict."""
        dataset = urn(Kind.DATASET, check_name(name, field="name"))

        async def attempt() -> Decision:
            place = await self._places.named(product, domain)
            command = RegisterDataset(
                dataset=dataset,
                name=name,
                fields=fields,
                product=place.product,
                domain=place.domain,
                contains_pii=contains_pii,
                encryption_enabled=encryption_enabled,
            )
            loaded = await self._commands.load(DATASETS, dataset)
            about = () if place.product is None else (place.product,)
            decision = decide(DATASETS, dataset, loaded, command, about)
            return Decision(checks=(*decision.checks, *place.checks), events=decision.events)

        async with self._places.kept(product):
            return await self._commands.perform(intent, attempt)

    async def evolve(
        self,
        dataset: str,
        fields: tuple[Field, ...],
        compatibility: Compatibility,
        *,
        expected: int | None,
        intent: Intent,
    ) -> tuple[Urn, Receipt]:
        """Give a dataset another schema. Raises: BadUserInput, NotFound, PreconditionFailed, Conflict."""
        stream = reference(Kind.DATASET, dataset, field="dataset")
        wanted = check_fields(fields)

        async def attempt() -> Decision:
            loaded = await self._commands.load(DATASETS, stream)
            if expected is not None and loaded.version not in (0, expected):
                raise version_differs(loaded, expected)
            contracts = await self._contracts.active(stream)
            known = loaded.state.fields if loaded.state is not None else ()
            command = EvolveSchema(
                dataset=stream,
                fields=wanted,
                compatibility=compatibility,
                stranded=await asyncio.to_thread(stranded, contracts, known, wanted),
            )
            decision = decide(DATASETS, stream, loaded, command)
            membership = await self._memberships.of(stream)
            if membership.rules is not None:
                membership.rules.check_evolution(stream, known, wanted, personal=membership.contains_pii)
            guards = (StreamCheck(stream=Urn(row.id), version=row.revision) for row in contracts)
            return Decision(checks=(*decision.checks, *guards, *membership.checks), events=decision.events)

        return stream, await self._commands.perform(intent, attempt)


def stranded(contracts: Sequence[ContractRow], old: Sequence[Field], new: Sequence[Field]) -> tuple[Break, ...]:
    """The rules of contracts that fit the old schema and not the new one."""
    found: list[Break] = []
    for contract in contracts:
        terms = terms_of_row(contract)
        rules: tuple[Rule, ...] = (*terms.quality_rules, *terms.privacy_rules)
        before = {one.rule for one in misfits(rules, old)}
        found += (
            break_of_contract(contract.contract_id, one.column, one.rule, f"{one.why}; change it with updateContract")
            for one in misfits(rules, new)
            if one.rule not in before
        )
    return tuple(found)
