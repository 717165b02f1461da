"""How fast search answers, beside Postgres' own text search without columns of ours and a scan with ILIKE.

    python benchmarks/search.py [--products 100000] [--rounds 20]

One embedded Postgres in a temporary folder; products with 2,000 words in names, descriptions, tags and fields, the
frequent ones far more often. All contenders must find a product by a word of its name before they are timed. Targets:
a page of 20 within a few ms where the text is specific, and at least 50 times faster than the scan.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import orjson

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.connections import open_engine, open_pool
from server.adapters.postgres.migrate import migrate
from server.adapters.store.paging import PageRequest
from server.kernel.recorded import FOREVER
from server.mesh.search.queries import SearchQueries

Contender: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
COLUMNS = "id, valid_from, valid_to, name, domain, revision, owner, description, fields, tags, version, status"
PLAIN = "to_tsvector('simple', name || ' ' || tags::text || ' ' || description || ' ' || owner || ' ' || fields::text)"


def products(count: int) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS."""
    chance = random.Random(20)
    syllables = ["".join(pair) for pair in itertools.product("bdfgklmnprst", "aeiou")]
    words = ["".join(chance.sample(syllables, chance.randint(2, 4))) for _ in range(2_000)]
    weights = [1 / (rank + 5) for rank in range(len(words))]

    def some(many: int) -> list[str]:
        return chance.choices(words, weights, k=many)

    rows: list[tuple[Any, ...]] = []
    for number in range(1, count + 1):
        name = "-".join([*some(2), str(number)])
        fields = orjson.dumps([{"name": "_".join(some(2)), "type": "int"} for _ in range(12)]).decode()
        said = f"{some(1)[0]} team", " ".join(some(25)), fields, orjson.dumps(some(3)).decode()
        rows.append((f"product:{name}", number, FOREVER, name, "domain:d", 1, *said, "1.0.0", "ACTIVE"))
    return rows


async def fill(pool: asyncpg.Pool, rows: Sequence[tuple[Any, ...]]) -> None:
    """Copy them in, with what search computes of them, and say what that costs."""
    async with pool.acquire() as connection:
        for column, value in (("at", "now()"), ("position", "1")):
            for which in ("created", "updated"):
                await connection.execute(f"alter table product alter {which}_{column} set default {value}")
        began = time.perf_counter()
        await connection.copy_records_to_table("product", records=rows, columns=COLUMNS.split(", "))
        took = time.perf_counter() - began
        await connection.execute("vacuum analyze product")
        document = "search_document(name, tags, description, owner, fields)"
        words = time.perf_counter()
        await connection.fetchval(f"select count({document}) from (select * from product limit 5000) few")
        words = (time.perf_counter() - words) / min(5_000, len(rows))
        sizes = await connection.fetchrow(
            "select pg_relation_size('product_search') as index, pg_table_size('product') as table"
        )
    each = f"{1e6 * took / len(rows):.0f} us for each product, {1e6 * words:.0f} us of it for its words"
    print(f"{len(rows):,} products: {each}; {sizes['table'] >> 20} MiB, {sizes['index'] >> 20} MiB of index")


def contenders(pool: asyncpg.Pool) -> dict[str, Contender]:
    """Who is compared."""
    search = SearchQueries(pool)

    async def ours(text: str) -> Sequence[str]:
        return (await search.page(text, None, PageRequest(first=20))).rows

    async def plain(text: str) -> Sequence[str]:
        query = f"select id from product, plainto_tsquery('simple', $1) q where {PLAIN} @@ q and valid_to = {FOREVER}"
        return [
            row["id"] for row in await pool.fetch(f"{query} order by ts_rank({PLAIN}, q) desc, name limit 20", text)
        ]

    async def scan(text: str) -> Sequence[str]:
        parts = ("name", "tags::text", "description", "owner", "fields::text")
        words = [f"({' or '.join(f'{part} ilike ${n}' for part in parts)})" for n in range(1, len(text.split()) + 1)]
        query = f"select id from product where valid_to = {FOREVER} and {' and '.join(words)} order by name limit 20"
        return [row["id"] for row in await pool.fetch(query, *(f"%{word}%" for word in text.split()))]

    return {"search": ours, "ts_rank over an index on the expression": plain, "ILIKE": scan}


async def compare(dsn: str, count: int, rounds: int) -> None:
    """Print medians in milliseconds, text by text."""
    engine = open_engine(dsn)
    await migrate(engine)
    await engine.dispose()
    pool = await open_pool(dsn, size=2)
    rows = products(count)
    await fill(pool, rows)
    await pool.execute(f"create index plain_search on product using gin (({PLAIN})) where valid_to = {FOREVER}")
    await pool.execute("analyze product")
    frequent, rare = rows[0][7].split()[0], rows[count // 2][3]
    first, second, number = rare.split("-")
    texts = {
        "one product's number": number,
        "one product's whole name": rare,
        "two words": f"{first} {second}",
        "two beginnings": f"{first[:4]} {second[:4]}",
        "the first letter": first[:1],
        "a frequent word": frequent,
        "nothing": "zzzz",
    }
    known = contenders(pool)
    found = {name: await contender(number) for name, contender in known.items()}
    assert all(rows[count // 2][0] in ids for ids in found.values()), found
    print(f"{'median ms of a page of 20':28}" + "".join(f"{name:>42}" for name in known))
    for title, text in texts.items():
        medians = [await median(contender, text, rounds if name != "ILIKE" else 3) for name, contender in known.items()]
        print(f"{title:28}" + "".join(f"{1e3 * one:34.2f}{one / medians[0]:7.1f}x" for one in medians))
    await pool.close()


async def median(contender: Contender, text: str, rounds: int) -> float:
    """Seconds, warm."""
    times: list[float] = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        await contender(text)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres.start(Path(folder) / "data") as server:
        asyncio.run(compare(server.dsn, given.products, given.rounds))


if __name__ == "__main__":
    main()
