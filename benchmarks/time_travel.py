"""What a page of the past costs beside the same page now, and what comparing two positions costs.

    python benchmarks/time_travel.py [--events 100000] [--products 1000] [--rounds 200]

One embedded Postgres in a temporary folder. Products change in turn until the log is that long; then a page of 50
products is asked for as of a quarter, a half and three quarters of it and as of now: through GraphQL in this process,
and its SQL alone. Target: as of any position at most 1.5 times now.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import asyncpg

from graphql_schema.context import Context
from graphql_schema.schema import build_schema
from server.adapters.postgres.connections import connect_writer
from server.adapters.store.append import Append, NewEvent
from server.adapters.store.intervals import IntervalWriter
from server.adapters.store.paging import PageRequest
from server.adapters.store.writer import Writer
from server.assembly.assembled import Assembly, assemble
from server.database import Database, open_database
from server.http.graphql.deadline import Deadline
from server.kernel.caller import Caller, Role
from server.kernel.fields import Field
from server.kernel.ids import Kind, urn
from server.kernel.intent import Intent
from server.mesh.domain.domain import DomainCreated
from server.mesh.history.differences import Between
from server.mesh.product.facts import DataProductRegistered, DataProductUpdated, ProductStatus
from server.mesh.product.listing import ProductFilter, ProductOrder, products
from server.mesh.slices import CODEC, PROJECTIONS, TABLES
from server.settings import Settings

FIELDS = tuple(Field(name=f"column_{number}", type="int") for number in range(8))
ADMIN = Caller(name="admin", roles=frozenset({Role.ADMIN}))
PAGE = """query ($p: BigInt) { catalog(atPosition: $p) { dataProducts(first: 50) { totalCount nodes {
  id name owner version status tags updatedAt domain { id name } schema { name type } } } } }"""


def history(events: int, among: int) -> list[NewEvent]:
    """A domain, products, and their changes in turn."""
    told = [NewEvent(stream=urn(Kind.DOMAIN, "sales"), event=DomainCreated(name="sales", owner="a", description=""))]
    for number in range(events - 1):
        turn, which = divmod(number, among)
        name = f"product-{which:05}"
        product, domain = urn(Kind.PRODUCT, name), urn(Kind.DOMAIN, "sales")
        told.append(NewEvent(stream=product, event=changed(turn, name), about=(product, domain)))
    return told


def changed(turn: int, name: str) -> DataProductRegistered | DataProductUpdated:
    """What happens to a product in its turn: in the first it is registered."""
    product, domain, owner = urn(Kind.PRODUCT, name), urn(Kind.DOMAIN, "sales"), f"team {turn}"
    if turn:
        return DataProductUpdated(
            product=product, owner=owner, description="Sold.", fields=FIELDS, tags=("gold",), version="1.0.0"
        )
    return DataProductRegistered(
        name=name,
        domain=domain,
        owner=owner,
        description="Sold.",
        fields=FIELDS,
        tags=("gold",),
        version="1.0.0",
        status=ProductStatus.ACTIVE,
    )


async def record(database: Database, told: Sequence[NewEvent]) -> None:
    """Append them, and say how fast."""
    writer = Writer(partial(connect_writer, database.dsn), CODEC, PROJECTIONS, IntervalWriter(TABLES), lambda: None)
    await writer.start()
    begun = time.perf_counter()
    for start in range(0, len(told), 1_000):
        waiting = [writer.submit(_append(start + n, event)) for n, event in enumerate(told[start : start + 1_000])]
        await asyncio.gather(*waiting)
    print(f"{len(told)} events recorded, {len(told) / (time.perf_counter() - begun):.0f} a second")
    await writer.stop()
    await database.pool.execute("vacuum analyze")


def _append(number: int, event: NewEvent) -> Append:
    intent = Intent(actor="ann", correlation_id="b", key=f"~{number}", digest=b"", keyed=False)
    return Append(intent=intent, checks=(), events=(event,))


async def best(rounds: int, contenders: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, tuple[float, float]]:
    """Median and best milliseconds of each, in turn."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 5):
        for name, ask in contenders.items():
            begun = time.perf_counter()
            await ask()
            if number >= 5:
                taken[name].append((time.perf_counter() - begun) * 1000)
    return {name: (statistics.median(each), min(each)) for name, each in taken.items()}


def show(title: str, found: dict[str, tuple[float, float]]) -> None:
    """A line for each, with its share of the last one: now."""
    now = found["now"]
    for name, (median, least) in found.items():
        ratio = f"{median / now[0]:.2f} / {least / now[1]:.2f}"
        print(f"{title:10} as of {name:6} median {median:7.2f} ms  best {least:7.2f} ms  ÷ now {ratio}")


async def through_graphql(parts: Assembly, places: dict[str, int], rounds: int) -> None:
    """The page as a client asks for it, HTTP aside."""
    schema = build_schema()

    async def page(position: int) -> None:
        context = Context(
            mesh=parts.mesh, caller=ADMIN, correlation_id="b", deadline=Deadline(60), base_url="http://lakemesh.test"
        )
        result = await schema.execute(PAGE, variable_values={"p": position}, context_value=context)
        assert result.errors is None
        assert result.data is not None
        assert len(result.data["catalog"]["dataProducts"]["nodes"]) == 50

    show("GraphQL", await best(rounds, {name: partial(page, position) for name, position in places.items()}))


async def sql_alone(parts: Assembly, places: dict[str, int], rounds: int) -> None:
    """The page's first statement."""
    reader, every = parts.mesh.reader, products(ProductFilter(), ProductOrder.NAME_ASC)

    def page(position: int) -> Awaitable[object]:
        return reader.page(every, PageRequest(first=50), position)

    show("SQL", await best(rounds, {name: partial(page, position) for name, position in places.items()}))


async def comparing(parts: Assembly, pool: asyncpg.Pool, head: int, rounds: int) -> None:
    """A page of differences and its count, over a hundred events and over half the log."""
    differences = parts.mesh.differences

    async def page(since: int, *, count: bool) -> None:
        found = await differences.page(Between(since=since, to=head, head=head), ADMIN, PageRequest(first=50))
        assert found.rows
        if count and found.count is not None:
            await found.count()

    for name, since in (("100 events", head - 100), ("half the log", head // 2), ("the whole log", 0)):
        found = await best(
            max(rounds // 10, 3),
            {"page": partial(page, since, count=False), "page and count": partial(page, since, count=True)},
        )
        for what, (median, least) in found.items():
            print(f"difference over {name}: {what} median {median:.1f} ms, best {least:.1f} ms")


async def run(events: int, products: int, rounds: int) -> None:
    """All of it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        async with open_database(settings) as database:
            await record(database, history(events, products))
            async with assemble(settings, database) as parts:
                head = await parts.mesh.events.head()
                places = {"1/4": head // 4, "1/2": head // 2, "3/4": head * 3 // 4, "now": head}
                await sql_alone(parts, places, rounds)
                await through_graphql(parts, places, rounds)
                await comparing(parts, database.pool, head, rounds)


def main() -> int:
    """Read the arguments and run."""
    asked = argparse.ArgumentParser(description="The past beside now.")
    asked.add_argument("--events", type=int, default=100_000)
    asked.add_argument("--products", type=int, default=1_000)
    asked.add_argument("--rounds", type=int, default=200)
    given = asked.parse_args()
    asyncio.run(run(given.events, given.products, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
