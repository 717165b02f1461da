"""One operation with several changes, and a subscription: each answer is about its own moment."""

from server.kernel.ids import Kind, urn
from tests.graph.batches import fill
from tests.graph.conftest import Graph


async def test_a_grant_read_before_a_quarantine_gives_no_address_after_it(graph: Graph) -> None:
    await fill(graph, datasets=range(1))
    data = await graph.ask(
        'mutation { g: grantConsumption(input: {batchId: "b0-0", consumer: "bi"}) { grant { url { method } } }'
        ' q: quarantineBatch(input: {batchId: "b0-0", reason: "wrong"}) { batch { grants { url { method } } } } }'
    )
    assert data["g"]["grant"]["url"] == {"method": "GET"}
    assert [grant["url"] for grant in data["q"]["batch"]["grants"]] == [None, None]


async def test_a_subscription_keeps_nothing_of_the_messages_before(graph: Graph) -> None:
    await fill(graph, datasets=range(2))
    context = graph.context(graph.admin)
    stream = await graph.schema.subscribe(
        'subscription { events(after: 0, filter: {types: ["DataAppended"]})'
        " { position ... on DataAppended { batch { batchId status } } } }",
        context_value=context,
    )
    seen = []
    async for result in stream:
        assert result.errors is None
        seen.append(result.data["events"]["batch"])
        assert len(context._loaders) == 1
        if len(seen) == 4:
            break
    await stream.aclose()
    assert seen == [{"batchId": f"b{n}-{m}", "status": "APPENDED"} for n in range(2) for m in range(2)]


async def test_refuses_a_reason_that_says_nothing(graph: Graph) -> None:
    await fill(graph, datasets=range(1))
    before = await graph.parts.mesh.events.head()
    for name in ("quarantineBatch", "releaseBatch"):
        refused = await graph.refused(
            f'mutation {{ {name}(input: {{batchId: "{urn(Kind.BATCH, "b0-0")}", reason: " "}}) {{ batch {{ id }} }} }}'
        )
        assert refused == ("BAD_USER_INPUT", "reason is empty; say it in a few words")
    assert await graph.parts.mesh.events.head() == before
