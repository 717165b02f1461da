"""What Catalog offers: each reading of the root that has a past stands there too, with the same arguments."""

import random
from typing import Any

from graphql import GraphQLObjectType

from graphql_schema.schema import build_schema
from server.kernel.ids import Kind
from tests.mesh.history.conftest import Mesh, OpenedMesh
from tests.mesh.history.twins import Twin, tell
from tests.mesh.history.whole import whole

# What stands on the root alone, and why it has no past.
OF_NOW = {
    "node": "says what a URN names now",
    "nodes": "says what URNs name now",
    "catalog": "is the past",
    "search": "looks through what stands now",
    "events": "takes positions in its filter",
    "verifyLog": "is about the log as it stands",
    "catalogDiff": "takes two positions",
    "checkpoints": "are about the log",
    "erasureReceipt": "never changes",
    "exportAudit": "takes a period",
    "revealPseudonym": "is an act",
    "previewAnonymization": "reads files as they stand",
    "suggestPrivacyRules": "reads files as they stand",
    "processRun": "is work, not catalog",
    "processRuns": "are work, not catalog",
    "serverInfo": "is about the server",
    "impact": "names consumers of now",
}


def test_each_reading_of_the_root_that_has_a_past_stands_in_a_catalog() -> None:
    schema = build_schema()._schema
    root, catalog = schema.type_map["Query"], schema.type_map["Catalog"]
    assert isinstance(root, GraphQLObjectType)
    assert isinstance(catalog, GraphQLObjectType)
    assert root.fields.keys() - catalog.fields.keys() == OF_NOW.keys()
    for name in root.fields.keys() & catalog.fields.keys():
        now, then = root.fields[name], catalog.fields[name]
        assert str(now.type) == str(then.type)
        assert {key: str(one.type) for key, one in now.args.items()} == {
            key: str(one.type) for key, one in then.args.items()
        }
    assert catalog.fields.keys() - root.fields.keys() == {"position", "asOf"}


async def test_each_reading_that_takes_a_name_answers_about_the_position(meshes: OpenedMesh) -> None:
    tale = whole(7, 1_200, datasets=8, batches=20)
    later, stopped = await meshes(), await meshes()
    head = await tell(later.url, tale.appends)
    twin, source = Twin(later.pool, stopped.pool), random.Random(7)
    for position in sorted(source.sample(range(head // 4, head), 4)):
        await twin.give(position)
        for text in readings(tale.tale.streams, source):
            was = await answer(later, text, position)
            assert (text, was) == (text, await answer(stopped, text, position))
            assert (text, was) == (text, await answer(stopped, text, None))


def readings(streams: dict[Any, Any], source: random.Random) -> list[str]:
    """Readings of some things by name, those that do not stand yet among them, and around them."""
    some = {kind: source.choice([each for each in streams if each.startswith(f"{kind}:")]) for kind in KINDS}
    asset, other = some[Kind.DATASET], some[Kind.PRODUCT]
    edges = "{ position nodes { asset { id } depth confidence } edges { id confidence } }"
    return [
        f'domain(name: "{some[Kind.DOMAIN]}") {{ id owner revision }}',
        f'dataProduct(name: "{other}") {{ id owner version status }}',
        f'dataset(name: "{asset}") {{ id schemaVersion product {{ id }} lake {{ id }} containsPii }}',
        f'contract(id: "{some[Kind.CONTRACT]}") {{ id version status }}',
        f'batch(id: "{some[Kind.BATCH]}") {{ id status revision layers grants {{ id revokedAt }} }}',
        f'dataLake(id: "{some[Kind.LAKE]}") {{ id revision accessLog {{ totalCount }}'
        f" deletions {{ totalCount nodes {{ id status completedAt }} }} }}",
        f'batches(filter: {{dataset: "{asset}", status: PUBLISHED}}) {{ totalCount nodes {{ id }} }}',
        f'contracts(dataset: "{asset}") {{ totalCount nodes {{ id version }} }}',
        f'datasets(filter: {{product: "{other}"}}) {{ totalCount nodes {{ id }} }}',
        "dataProducts(filter: {status: DEPRECATED}, orderBy: UPDATED_DESC) { nodes { id } }",
        f'lineageEdges(source: "{asset}") {{ totalCount nodes {{ id confidence }} }}',
        f'lineage(of: "{asset}") {edges}',
        f'lineagePaths(from: "{asset}", to: "{other}", first: 3) {{ confidence edges {{ id }} }}',
        f'columnLineage(of: "{asset}", column: "id") {{ complete nodes {{ asset {{ id }} column }} }}',
        f'lineageDiagram(of: "{asset}")',
    ]


KINDS = (Kind.DOMAIN, Kind.PRODUCT, Kind.DATASET, Kind.CONTRACT, Kind.BATCH, Kind.LAKE)


async def answer(mesh: Mesh, text: str, position: int | None) -> Any:
    """What a reading answers in a catalog, None for the root: its data, or the code of its refusal."""
    query = f"{{ {text} }}" if position is None else f"{{ catalog(atPosition: {position}) {{ {text} }} }}"
    result = await mesh.schema.execute(query, context_value=mesh.context(mesh.admin))
    if result.errors is not None:
        return [(error.extensions or {})["code"] for error in result.errors]
    assert result.data is not None
    return result.data if position is None else result.data["catalog"]
