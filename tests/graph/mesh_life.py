"""A random life of the mesh: domains, products, datasets and lineage come, change and go, at times refused."""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.graph.conftest import Graph

DOMAINS = ("sales", "Ops", "finance")
PRODUCTS = ("orders", "Returns", "stock", "ledger")
EXTERNALS = ("external:erp/E1", "external:erp/e2", "external:Caf%C3%A9/x", "external:erp/e3")
COLUMNS = ("id", "total", "day")
TYPES = ("DIRECT", "DERIVED", "AGGREGATED")
EXPECTED = ("ALREADY_EXISTS", "NOT_FOUND", "PRECONDITION_FAILED", "BAD_USER_INPUT")

AROUND = "{ position totalAssets complete nodes { asset { id } depth confidence } edges { id } }"
ASSET = f"id name upstream {AROUND} downstream(depth: 2) {AROUND}"
SEEN = f"""position
  domains(first: 500) {{ totalCount nodes {{ id revision name owner description createdAt updatedAt
    products(first: 50) {{ totalCount nodes {{ id }} }} datasets(first: 50) {{ totalCount nodes {{ id }} }} }} }}
  dataProducts(first: 500, orderBy: UPDATED_DESC) {{ totalCount nodes {{ {ASSET} revision owner description status
    version tags createdAt updatedAt schema {{ name type nullable }} domain {{ name revision }}
    datasets(first: 50) {{ totalCount nodes {{ id }} }} }} }}
  datasets(first: 500) {{ totalCount nodes {{ {ASSET} revision schemaVersion updatedAt product {{ id version }}
    domain {{ id owner }} }} }}
  lineageEdges(first: 500) {{ totalCount nodes {{ id source {{ {ASSET} }} target {{ id name }} lineageType confidence
    transformation metadata columns {{ target sources indirect }} columnsUnknown closesLoop registeredAt }} }}
  analytics {{
    domains {{ domain {{ id }} products active deprecated inactive datasets batches publishedRows }}
    lineageStats {{ assets edges direct derived aggregated averageConfidence roots leaves components longestChain
      cyclic }}
    domainDependencies {{ source {{ id }} target {{ id }} edges }}
    downstream: criticalAssets {{ asset {{ id }} score }}
    pagerank: criticalAssets(by: PAGERANK) {{ asset {{ id }} score }}
    betweenness: criticalAssets(by: BETWEENNESS) {{ asset {{ id }} score }}
    orphans {{ id name }}
    cycles {{ id name }}
  }}"""
NOW = f"{{ catalog {{ {SEEN} }} }}"
AT = f"query ($position: BigInt!) {{ catalog(atPosition: $position) {{ {SEEN} }} }}"


@dataclass
class MeshLife:
    """Asks one of `graphs` for something at a time. `seen`: the catalog right after each change, by position."""

    graphs: tuple[Graph, ...]
    source: random.Random
    seen: dict[int, Any] = field(default_factory=dict)
    _datasets: list[str] = field(default_factory=list)

    async def step(self) -> None:
        """Ask for something, and note what the catalog shows after it, asked of any of the graphs."""
        await self.ask_for_something()
        shown = (await self.source.choice(self.graphs).ask(NOW))["catalog"]
        before = self.seen.setdefault(shown["position"], shown)
        assert before == shown

    async def ask_for_something(self) -> None:
        """Something that may be refused."""
        steps = (self._domain, self._product, self._product, self._change, self._change, self._dataset, self._delete)
        edges = (self._register, self._register, self._register, self._register, self._register, self._remove)
        mutation, given = self.source.choice((*steps, *edges))()
        await self.do(mutation, **given)

    async def do(self, mutation: str, /, **given: Any) -> bool:
        """Whether it was done, and not refused for a reason that this life may have."""
        graph = self.source.choice(self.graphs)
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ events {{ type }} }} }}"
        result = await graph.schema.execute(
            document, variable_values={"input": given}, context_value=graph.context(graph.admin)
        )
        if result.errors is None:
            return True
        assert [(error.extensions or {})["code"] in EXPECTED for error in result.errors] == [True], result.errors
        return False

    def _cased(self, name: str) -> str:
        """The name, at times in another case."""
        return name.swapcase() if self.source.random() < 0.1 else name

    def _domain(self) -> tuple[str, dict[str, Any]]:
        name = self._cased(self.source.choice(DOMAINS))
        if self.source.random() < 0.5:
            return "createDomain", {"name": name, "owner": self.source.choice("ab"), "description": "Some domain."}
        return "updateDomain", {"name": name, "owner": self.source.choice("abc")}

    def _product(self) -> tuple[str, dict[str, Any]]:
        return "registerDataProduct", {
            "name": self._cased(self.source.choice(PRODUCTS)),
            "domain": self.source.choice(DOMAINS),
            "owner": self.source.choice("ab"),
            "schema": dict.fromkeys(self.source.sample(COLUMNS, 2), "int"),
            "tags": self.source.sample(("Daily", "gold", "pii"), 2),
        }

    def _change(self) -> tuple[str, dict[str, Any]]:
        changes: list[dict[str, Any]] = [
            {"owner": self.source.choice("abc")},
            {"status": self.source.choice(("ACTIVE", "DEPRECATED", "INACTIVE"))},
            {"version": f"{self.source.randrange(1, 9)}.0.0", "schema": {self.source.choice(COLUMNS): "text"}},
            {"description": self.source.choice(("", "Sold.", "Bought."))},
        ]
        some = self.source.sample(changes, self.source.randrange(1, 3))
        given = {name: value for change in some for name, value in change.items()}
        return "updateDataProduct", {"name": self._cased(self.source.choice(PRODUCTS)), **given}

    def _dataset(self) -> tuple[str, dict[str, Any]]:
        name = f"d{len(self._datasets)}"
        place: dict[str, str] = {}
        if self.source.random() < 0.7:
            place["product"] = self._cased(self.source.choice(PRODUCTS))
        elif self.source.random() < 0.5:
            place["domain"] = self.source.choice(DOMAINS)
        if len(self._datasets) < 12:
            self._datasets.append(name)
        else:
            name = self.source.choice(self._datasets)
        return "registerDataset", {"name": name, "schema": dict.fromkeys(COLUMNS, "int"), **place}

    def _delete(self) -> tuple[str, dict[str, Any]]:
        return "deleteDataProduct", {"name": self._cased(self.source.choice(PRODUCTS)), "reason": "over"}

    def _ends(self) -> dict[str, str]:
        assets = [*(f"product:{name}" for name in PRODUCTS), *(f"dataset:{name}" for name in self._datasets)]
        source, target = self.source.sample([*assets, *EXTERNALS], 2)
        return {"source": self._cased(source) if source.startswith("external:") else source, "target": target}

    def _register(self) -> tuple[str, dict[str, Any]]:
        given: dict[str, Any] = {
            "lineageType": self.source.choice(TYPES),
            "confidence": self.source.choice([1.0, 0.9, 0.5]),
            "allowCycle": self.source.random() < 0.5,
            "metadata": {"run": self.source.randrange(3)},
        }
        if self.source.random() < 0.2:
            given["columns"] = [{"target": "id", "sources": ["id"]}]
        return "registerLineage", {**self._ends(), **given}

    def _remove(self) -> tuple[str, dict[str, Any]]:
        edges = self.seen[max(self.seen)]["lineageEdges"]["nodes"] if self.seen else []
        if not edges:
            return "removeLineage", self._ends()
        edge = self.source.choice(edges)
        return "removeLineage", {"source": edge["source"]["id"], "target": edge["target"]["id"], "reason": "wrong"}
