"""The difference of two positions: what it tells makes the later catalog of the earlier one, and no more."""

from typing import Any, TypeAlias

import pytest
from graphql import GraphQLObjectType

from server.kernel.caller import ANONYMOUS, Caller, Role
from tests.graph.conftest import Graph
from tests.mesh.history.conftest import OpenedMesh
from tests.mesh.history.twins import tell
from tests.mesh.history.whole import whole

CHANGES = """query ($from: BigInt!, $to: BigInt, $first: Int, $after: String) {
  catalogDiff(from: $from, to: $to) { from to changes(first: $first, after: $after) {
    totalCount nodes { id kind before after } edges { cursor node { id } } pageInfo { hasNextPage endCursor } } } }"""
BESIDES = {"revision", "updatedAt", "registeredAt"}

Things: TypeAlias = dict[str, dict[str, Any]]


async def changes(
    mesh: Graph, since: int, to: int | None = None, caller: Caller | None = None, first: int = 500
) -> Any:
    """All changes, page by page."""
    found: list[Any] = []
    after: str | None = None
    while True:
        asked = {"from": since, "to": to, "first": first, "after": after}
        page = (await mesh.ask(CHANGES, caller or mesh.admin, **asked))["catalogDiff"]["changes"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            assert page["totalCount"] == len(found)
            return found
        after = page["pageInfo"]["endCursor"]


def applied(things: Things, found: list[Any]) -> Things:
    """The things with the changes made."""
    after = dict(things)
    for change in found:
        match change["kind"]:
            case "ADDED":
                assert change["before"] is None
                assert change["id"] not in after
                after[change["id"]] = change["after"]
            case "REMOVED":
                assert change["after"] is None
                assert after.pop(change["id"]) == change["before"]
            case _:
                assert change["before"].keys() == change["after"].keys() != set()
                known = after[change["id"]]
                assert {name: known[name] for name in change["before"] if name not in BESIDES} == {
                    name: value for name, value in change["before"].items() if name not in BESIDES
                }
                after[change["id"]] = {**known, **change["after"]}
    return after


def kept(things: Things) -> Things:
    """The things without what alone is no change."""
    return {id: {name: value for name, value in thing.items() if name not in BESIDES} for id, thing in things.items()}


async def test_the_changes_make_the_later_catalog_of_the_earlier_one(meshes: OpenedMesh) -> None:
    mesh = await meshes()
    tale = whole(2, 1_500)
    head = await tell(mesh.url, tale.appends)
    positions = sorted(tale.tale.source.sample(range(head + 1), 24))
    things: Things = {}
    stood: dict[int, Things] = {0: {}}
    for before, position in zip([0, *positions], [*positions, head], strict=True):
        things = applied(things, await changes(mesh, before, position))
        stood[position] = things
    for position, were in stood.items():
        assert kept({one["id"]: one["after"] for one in await changes(mesh, 0, position)}) == kept(were)
    for _ in range(40):
        since, to = sorted(tale.tale.source.sample(sorted(stood), 2))
        found = await changes(mesh, since, to, first=tale.tale.source.choice((7, 500)))
        ids = [one["id"] for one in found]
        assert ids == sorted(set(ids))
        assert kept(applied(stood[since], found)) == kept(stood[to])
        assert not [one for one in found if one["kind"] == "CHANGED" and not set(one["after"]) - BESIDES]


async def test_tells_what_the_graph_tells_of_every_thing(meshes: OpenedMesh) -> None:
    mesh = await meshes()
    tale = whole(3, 1_500)
    head = await tell(mesh.url, tale.appends)
    schema = mesh.schema._schema
    told = {one["id"]: one["after"] for one in await changes(mesh, 0, head)}
    for id, thing in told.items():
        kind = (await mesh.ask("query ($id: ID!) { node(id: $id) { __typename } }", id=id))["node"]["__typename"]
        graph_type = schema.type_map[kind]
        assert isinstance(graph_type, GraphQLObjectType)
        selection = " ".join(name if name not in NESTED else f"{name} {NESTED[name]}" for name in thing)
        assert set(thing) <= set(graph_type.fields)
        shown = (await mesh.ask(f"query ($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {selection} }} }} }}", id=id))[
            "node"
        ]
        assert plain(shown) == thing


NESTED = {
    "schema": "{ name type nullable pii subjectKey primaryKey description }",
    "qualityRules": "{ column check severity threshold }",
    "privacyRules": "{ column strategy params }",
    "csv": "{ delimiter nullValues encoding decimalSeparator }",
    "columns": "{ target sources indirect }",
    "quarantine": "{ reason by at }",
    "erased": "{ batch { id } layer rows }",
    **dict.fromkeys(("domain", "product", "dataset", "contract", "batch", "lake", "source", "target"), "{ id }"),
}


def plain(value: Any) -> Any:
    """A part of an answer with references as URNs."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return value["id"] if value.keys() == {"id"} else {name: plain(one) for name, one in value.items()}
    return value


async def test_what_went_back_or_came_and_went_is_not_told(graph: Graph) -> None:
    await do(graph, "createDomain", name="sales", owner="a")
    since = await head(graph)
    await do(graph, "updateDomain", name="sales", owner="b")
    between = await head(graph)
    assert [one["after"]["owner"] for one in await changes(graph, since, between)] == ["b"]
    await do(graph, "registerDataProduct", name="orders", domain="sales", owner="a", schema={"id": "int"})
    await do(graph, "updateDomain", name="sales", owner="a")
    await do(graph, "deleteDataProduct", name="orders")
    assert await changes(graph, since) == []
    assert await changes(graph, since, since) == []
    (back,) = await changes(graph, between)
    assert (back["id"], back["kind"]) == ("domain:sales", "CHANGED")
    assert {name: back["before"][name] for name in ("owner", "revision")} == {"owner": "b", "revision": 2}
    assert {name: back["after"][name] for name in ("owner", "revision")} == {"owner": "a", "revision": 3}
    assert back["before"].keys() == {"owner", "revision", "updatedAt"}


async def test_grants_are_told_to_those_who_may_see_them(meshes: OpenedMesh) -> None:
    mesh = await meshes()
    tale = whole(4, 1_000)
    await tell(mesh.url, tale.appends)
    kinds = {one["id"].partition(":")[0] for one in await changes(mesh, 0)}
    assert {"grant", "domain", "batch"} <= kinds
    for caller in (ANONYMOUS, Caller(name="ann", roles=frozenset({Role.CONSUMER}))):
        seen = {one["id"].partition(":")[0] for one in await changes(mesh, 0, caller=caller)}
        assert seen == kinds - {"grant", "deletion"}


async def test_a_listing_goes_on_from_its_first_page_while_the_log_grows(graph: Graph) -> None:
    for name in "abc":
        await do(graph, "createDomain", name=name, owner="o")
    first = (await ask(graph, 0, first=2))["catalogDiff"]["changes"]
    cursor = first["pageInfo"]["endCursor"]
    await do(graph, "createDomain", name="d", owner="o")
    rest = (await ask(graph, 0, first=9, after=cursor))["catalogDiff"]["changes"]
    assert [one["id"] for one in first["nodes"] + rest["nodes"]] == ["domain:a", "domain:b", "domain:c"]
    assert (first["totalCount"], rest["totalCount"]) == (3, 3)
    for since, to in ((1, None), (0, 4), (0, 2)):
        asked: dict[str, Any] = {"from": since, "to": to, "first": 9, "after": cursor}
        code, message = await graph.refused(CHANGES, **asked)
        assert (code, message[:21]) == ("BAD_USER_INPUT", "this cursor belongs t")


@pytest.mark.parametrize(
    ("since", "to", "message"),
    [
        (-1, None, "from -1 is negative; positions count from 0"),
        (0, -1, "to -1 is negative; positions count from 0"),
        (2, None, "from 2 lies in the future; the log stands at 1"),
        (0, 2, "to 2 lies in the future; the log stands at 1"),
        (1, 0, "from 1 lies behind to 0; give the earlier position as from"),
    ],
)
async def test_refuses_positions_that_are_none(graph: Graph, since: int, to: int | None, message: str) -> None:
    await do(graph, "createDomain", name="a", owner="o")
    asked: dict[str, Any] = {"from": since, "to": to}
    assert await graph.refused(CHANGES, **asked) == ("BAD_USER_INPUT", message)


async def test_a_page_and_its_count_are_one_statement_each(graph: Graph) -> None:
    for name in ("a", "b", "c"):
        await do(graph, "createDomain", name=name, owner="o")
    graph.statements.clear()
    await ask(graph, 0)
    asked = [text for text in graph.statements if "unlock_all" not in text]
    assert len(asked) == 3  # where the log stands, the page, the count


async def head(graph: Graph) -> int:
    """Where the log stands."""
    return int((await graph.ask("{ serverInfo { position } }"))["serverInfo"]["position"])


async def do(graph: Graph, mutation: str, /, **given: Any) -> None:
    """Ask for a change."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    await graph.ask(f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ events {{ id }} }} }}", input=given)


async def ask(graph: Graph, since: int, **given: Any) -> dict[str, Any]:
    """A page of changes up to now."""
    asked: dict[str, Any] = {"from": since, **given}
    return await graph.ask(CHANGES, **asked)
