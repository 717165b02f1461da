"""What may happen to domains, products, datasets and contracts in a tale."""

from collections.abc import Sequence

from server.adapters.store.append import NewEvent
from server.kernel.compatibility_rules import Compatibility
from server.kernel.fields import Field
from server.kernel.files import CsvOptions
from server.kernel.ids import Kind, Urn, urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule
from server.mesh.contract.domain import BadRowPolicy, CreateContract, RetireContract, Terms, UpdateContract
from server.mesh.contract.service import CONTRACTS
from server.mesh.dataset.domain import (
    CompleteReplay,
    EvolveSchema,
    RegisterDataset,
    ReplayedBatch,
    ReplayOutcome,
    RequestReplay,
)
from server.mesh.dataset.service import DATASETS
from server.mesh.domain.domain import CreateDomain, UpdateDomain
from server.mesh.domain.service import AGGREGATE as DOMAINS
from server.mesh.product import state as products
from server.mesh.product.domain import DeleteProduct, RegisterProduct, UpdateProduct
from server.mesh.product.facts import ProductStatus
from server.mesh.product.service import AGGREGATE as PRODUCTS
from tests.mesh.history.lineage_moves import LineageMoves
from tests.mesh.history.tale import Move, Tale

COLUMNS = ("id", "email", "total", "day")
TYPES = ("int", "string", "float", "date")


class MeshMoves:
    """The moves, at most so many things of each kind."""

    def __init__(self, tale: Tale, lineage: LineageMoves, *, datasets: int) -> None:
        self.tale = tale
        self.lineage = lineage
        self.most = datasets
        self.products: dict[Urn, set[Urn]] = {}  # their datasets

    @property
    def moves(self) -> Sequence[Move]:
        """All of them; those that come twice happen twice as often."""
        return (
            self.create_domain,
            self.update_domain,
            self.register_product,
            self.register_product,
            self.update_product,
            self.update_product,
            self.delete_product,
            self.register_dataset,
            self.register_dataset,
            self.evolve,
            self.replay,
            self.define,
            self.define,
            self.update_contract,
            self.retire,
        )

    def create_domain(self) -> Sequence[NewEvent]:
        name = f"domain{self.tale.source.randrange(6)}"
        command = CreateDomain(name=name, owner=self._word(), description=self._word())
        return self.tale.decide(DOMAINS, urn(Kind.DOMAIN, name), command)

    def update_domain(self) -> Sequence[NewEvent]:
        domain = self.tale.some(Kind.DOMAIN)
        return self.tale.decide(DOMAINS, domain, UpdateDomain(domain=domain, owner=self._word()))

    def register_product(self) -> Sequence[NewEvent]:
        product = urn(Kind.PRODUCT, f"product{self.tale.source.randrange(max(self.most // 2, 2))}")
        terms = products.Terms(
            owner=self._word(), description="", fields=self._fields(), tags=(self._word(),), version="1.0.0"
        )
        domain = self.tale.some(Kind.DOMAIN)
        command = RegisterProduct(name=product.partition(":")[2], domain=domain, terms=terms)
        events = self.tale.decide(PRODUCTS, product, command) if domain in self.tale.streams else ()
        if events:
            self.products[product] = set()
        return events

    def update_product(self) -> Sequence[NewEvent]:
        source, product = self.tale.source, self.tale.some(Kind.PRODUCT)
        command = UpdateProduct(
            product=product,
            owner=source.choice((None, self._word())),
            status=source.choice((None, *ProductStatus)),
            description=source.choice((None, "", self._word())),
        )
        return self.tale.decide(PRODUCTS, product, command)

    def delete_product(self) -> Sequence[NewEvent]:
        product = self.tale.some(Kind.PRODUCT)
        datasets = tuple(sorted(self.products.get(product, ())))
        command = DeleteProduct(product=product, reason=None, datasets=datasets, granted={})
        deleted = self.tale.decide(PRODUCTS, product, command)
        self.products[product] = set()
        return (*self.lineage.removals(product), *deleted)

    def register_dataset(self) -> Sequence[NewEvent]:
        source = self.tale.source
        product = source.choice((None, self.tale.some(Kind.PRODUCT)))
        domain: Urn | None = None
        if product is not None:
            known = self.tale.streams.get(product)
            product, domain = (product, known.domain) if known is not None else (None, None)
        name = f"dataset{source.randrange(self.most)}"
        command = RegisterDataset(
            dataset=urn(Kind.DATASET, name),
            name=name,
            fields=self._fields(),
            product=product,
            domain=domain,
            contains_pii=None,
            encryption_enabled=source.random() < 0.5,
        )
        events = self.tale.decide(DATASETS, command.dataset, command)
        if product is not None:
            self.products[product].add(command.dataset)
        return events

    def evolve(self) -> Sequence[NewEvent]:
        dataset = self.tale.some(Kind.DATASET)
        command = EvolveSchema(dataset=dataset, fields=self._fields(), compatibility=Compatibility.NONE)
        return self.tale.decide(DATASETS, dataset, command)

    def replay(self) -> Sequence[NewEvent]:
        dataset = self.tale.some(Kind.DATASET)
        known = self.tale.streams.get(dataset)
        if known is None or known.replay is None:
            run = urn(Kind.RUN, f"{self.tale.number()}")
            asked = RequestReplay(dataset=dataset, reason=self._word(), run=run, batches=1)
            return self.tale.decide(DATASETS, dataset, asked)
        done = ReplayedBatch(batch=urn(Kind.BATCH, "b"), outcome=ReplayOutcome.KEPT, rows_before=1, rows_after=1)
        return self.tale.decide(DATASETS, dataset, CompleteReplay(dataset=dataset, run=known.replay, batches=(done,)))

    def define(self) -> Sequence[NewEvent]:
        dataset = self.tale.some(Kind.DATASET)
        contract = urn(Kind.CONTRACT, f"contract{self.tale.source.randrange(2 * self.most)}")
        if self.tale.streams.get(dataset) is None:
            return ()
        return self.tale.decide(
            CONTRACTS, contract, CreateContract(contract=contract, dataset=dataset, terms=self._terms())
        )

    def update_contract(self) -> Sequence[NewEvent]:
        contract = self.tale.some(Kind.CONTRACT)
        return self.tale.decide(CONTRACTS, contract, UpdateContract(contract=contract, terms=self._terms()))

    def retire(self) -> Sequence[NewEvent]:
        if self.tale.source.random() < 0.9:
            return ()
        contract = self.tale.some(Kind.CONTRACT)
        return self.tale.decide(CONTRACTS, contract, RetireContract(contract=contract, reason=self._word()))

    def _terms(self) -> Terms:
        source = self.tale.source
        rule = QualityRule(column="id", check="not null", threshold=source.choice((0.0, 0.5)))
        hidden = PrivacyRule(column="email", strategy=PrivacyStrategy.MASK, params={"keepLast": source.randrange(3)})
        return Terms(
            retention_days=source.choice((None, 30)),
            quality_rules=(rule,) * source.randrange(2),
            privacy_rules=(hidden,) * source.randrange(2),
            on_bad_rows=source.choice(tuple(BadRowPolicy)),
            freshness_minutes=source.choice((None, 60)),
            description=self._word(),
            csv=CsvOptions(delimiter=source.choice((None, ";"))),
        )

    def _fields(self) -> tuple[Field, ...]:
        names = self.tale.source.sample(COLUMNS, self.tale.source.randrange(1, 4))
        return tuple(Field(name=name, type=self.tale.source.choice(TYPES)) for name in names)

    def _word(self) -> str:
        return self.tale.source.choice(("a", "b", "c"))
