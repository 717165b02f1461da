"""The mesh that the lineage benchmarks share: layered, with domains, hubs and loops; the same for the same seed."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from server.adapters.lineage.graph import Intervals
from server.kernel.recorded import FOREVER

LAYERS = 16
DOMAIN_ASSETS = 500  # assets of one domain
EDGES_PER_ASSET = 2.4
AT_HOME = 0.9  # share of edges that stay in a domain
LOOPS = 0.01  # share of edges that lead back to where their source comes from
SKEW = 2.5  # how much the first assets of a layer are preferred as sources
HUBS, HUB_EDGES = 20, 0.02  # reference assets that everybody reads, and their share of the edges


class Mesh(NamedTuple):
    """URNs by number, and edges that all stand: the edge registered at position p is row p - 1."""

    urns: list[str]
    edges: Intervals


class Plan(NamedTuple):
    """Where each asset stands: number = domain * DOMAIN_ASSETS + place, places ordered by layer."""

    domains: int
    random: np.random.Generator

    def layer_bounds(self) -> npt.NDArray[np.int64]:
        """The first place of each layer, and the end of the last."""
        return np.linspace(0, DOMAIN_ASSETS, LAYERS + 1).astype(np.int64)

    def places(self, layer: npt.NDArray[np.int64], skew: float) -> npt.NDArray[np.int64]:
        """A place in each of the layers; the greater the skew, the more often one of the first."""
        bounds = self.layer_bounds()
        low, high = bounds[layer], bounds[layer + 1]
        return low + ((high - low) * self.random.random(len(layer)) ** skew).astype(np.int64)


def mesh(assets: int, seed: int = 1) -> Mesh:
    """A mesh of about that many assets, a whole number of domains, with 2.4 edges for each."""
    plan = Plan(max(assets // DOMAIN_ASSETS, 1), np.random.default_rng(seed))
    forward = distinct(forward_edges(plan, int(assets * EDGES_PER_ASSET * 1.1)))
    forward = plan.random.permutation(forward)[: int(assets * EDGES_PER_ASSET * (1 - LOOPS))]
    edges = plan.random.permutation(distinct(np.concatenate([forward, loop_edges(plan, forward)])))
    count = len(edges)
    sure = plan.random.random(count) < 0.6
    return Mesh(
        urns=[f"dataset:domain{n // DOMAIN_ASSETS}.asset{n}" for n in range(plan.domains * DOMAIN_ASSETS)],
        edges=Intervals(
            source=edges[:, 0].astype(np.int32),
            target=edges[:, 1].astype(np.int32),
            kind=plan.random.integers(0, 3, count).astype(np.int8),
            confidence=np.where(sure, 1.0, np.round(plan.random.uniform(0.5, 1.0, count), 2)),
            valid_from=np.arange(1, count + 1, dtype=np.int64),
            valid_to=np.full(count, FOREVER, np.int64),
        ),
    )


def forward_edges(plan: Plan, count: int) -> npt.NDArray[np.int64]:
    """Edges from a layer to one of the next two; some of them are twice there."""
    domain = plan.random.integers(0, plan.domains, count)
    home = plan.random.random(count) < AT_HOME
    other = (plan.domains * plan.random.random(count) ** 3).astype(np.int64)  # a few domains are read by all
    layer = plan.random.integers(0, LAYERS - 1, count)
    further = np.minimum(layer + plan.random.integers(1, 3, count), LAYERS - 1)
    source = np.where(home, domain, other) * DOMAIN_ASSETS + plan.places(layer, SKEW)
    hub = (min(HUBS, plan.domains) * plan.random.random(count) ** 3).astype(np.int64) * DOMAIN_ASSETS
    source = np.where(plan.random.random(count) < HUB_EDGES, hub, source)
    return np.stack([source, domain * DOMAIN_ASSETS + plan.places(further, 1.0)], axis=1)


def loop_edges(plan: Plan, edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Edges that turn others around: each closes a loop of two; never into a hub, or all would be one loop."""
    quiet = edges[edges[:, 0] % DOMAIN_ASSETS >= LAYERS]
    return plan.random.choice(quiet, int(len(edges) * LOOPS), replace=False)[:, ::-1]


def distinct(edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Each pair once, in order."""
    return np.unique(edges, axis=0)


def roots_by_answer(sizes: npt.NDArray[np.int64], count: int, seed: int = 1) -> npt.NDArray[np.int64]:
    """Start nodes drawn evenly over the sorted answer sizes, so that every percentile of size is there."""
    order = np.argsort(sizes, kind="stable")
    return np.random.default_rng(seed).permutation(order[np.linspace(0, len(order) - 1, count).astype(np.int64)])
