"""The tables of TPC-H as the benchmark's text has them, and a few rows for which its queries find something."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from server.adapters.sql_columns.question import Question, Read, Table
from server.adapters.sql_columns.reading import answer

QUERIES = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "tpch").glob("*.sql"))}

# A name's last letter says the type: i int, d decimal, t text, a date.
_COLUMNS = {
    "region": "regionkey:i name:t comment:t",
    "nation": "nationkey:i name:t regionkey:i comment:t",
    "supplier": "suppkey:i name:t address:t nationkey:i phone:t acctbal:d comment:t",
    "customer": "custkey:i name:t address:t nationkey:i phone:t acctbal:d mktsegment:t comment:t",
    "part": "partkey:i name:t mfgr:t brand:t type:t size:i container:t retailprice:d comment:t",
    "partsupp": "partkey:i suppkey:i availqty:i supplycost:d comment:t",
    "orders": "orderkey:i custkey:i orderstatus:t totalprice:d orderdate:a orderpriority:t clerk:t shippriority:i"
    " comment:t",
    "lineitem": "orderkey:i partkey:i suppkey:i linenumber:i quantity:d extendedprice:d discount:d tax:d returnflag:t"
    " linestatus:t shipdate:a commitdate:a receiptdate:a shipinstruct:t shipmode:t comment:t",
}
_PREFIXES = {"partsupp": "ps"}
TYPES = {"i": "integer", "d": "decimal(18,2)", "t": "varchar", "a": "date"}
COLUMNS = {
    table: {f"{_PREFIXES.get(table, table[0])}_{column.partition(':')[0]}": column[-1] for column in columns.split()}
    for table, columns in _COLUMNS.items()
}
TABLES = {table: Table(name=table, columns=tuple(columns)) for table, columns in COLUMNS.items()}

_REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
_NATIONS = (
    ("BRAZIL", 1),
    ("CANADA", 1),
    ("CHINA", 2),
    ("FRANCE", 3),
    ("GERMANY", 3),
    ("SAUDI ARABIA", 4),
)
_SIZES = {"supplier": 24, "customer": 40, "part": 24, "partsupp": 200, "orders": 400, "lineitem": 2000}
_VALUES: dict[str, tuple[Any, ...]] = {
    "c_mktsegment": ("BUILDING", "MACHINERY"),
    "p_name": ("forest green", "green red", "blue pink"),
    "p_brand": ("Brand#12", "Brand#23", "Brand#34", "Brand#45"),
    "p_type": ("ECONOMY ANODIZED STEEL", "PROMO BRUSHED BRASS", "MEDIUM POLISHED TIN"),
    "p_size": (1, 3, 15),
    "p_container": ("SM CASE", "MED BOX", "LG CASE"),
    "o_orderstatus": ("F", "O"),
    "o_orderpriority": ("1-URGENT", "2-HIGH", "3-MEDIUM"),
    "o_shippriority": (0,),
    "l_quantity": tuple(Decimal(each) for each in (1, 2, 11, 15, 25, 50, 90)),
    "l_discount": tuple(Decimal(each) for each in ("0.05", "0.06", "0.07", "0.10")),
    "l_tax": (Decimal("0.01"), Decimal("0.08")),
    "l_returnflag": ("A", "N", "R"),
    "l_linestatus": ("F", "O"),
    "l_shipinstruct": ("DELIVER IN PERSON", "NONE"),
    "l_shipmode": ("AIR", "MAIL", "SHIP"),
    "l_linenumber": (1, 2, 3),
    "ps_availqty": (20, 900, 4000),
}
_KEYS = {"nationkey": len(_NATIONS), "suppkey": 24, "custkey": 40, "partkey": 24, "orderkey": 400}


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables, the same each time."""
    chance = random.Random(7)
    for table, columns in COLUMNS.items():
        kinds = ", ".join(f"{name} {TYPES[kind]}" for name, kind in columns.items())
        connection.execute(f"create table {table} ({kinds})")
        values = dict(zip(columns, zip(*_rows(table, chance), strict=True), strict=True))
        connection.register("given", pa.table({name: pa.array(each) for name, each in values.items()}))
        connection.execute(f"insert into {table} select * from given")


def _rows(table: str, chance: random.Random) -> Iterator[list[Any]]:
    if table == "region":
        yield from ([number, name, "-"] for number, name in enumerate(_REGIONS))
    elif table == "nation":
        yield from ([number, name, region, "-"] for number, (name, region) in enumerate(_NATIONS))
    else:
        for number in range(_SIZES[table]):
            yield [_value(table, name, kind, number, chance) for name, kind in COLUMNS[table].items()]


def _value(table: str, name: str, kind: str, number: int, chance: random.Random) -> Any:
    key = name.partition("_")[2]
    own = {"supplier": "suppkey", "customer": "custkey", "part": "partkey", "orders": "orderkey"}.get(table)
    if name in _VALUES:
        return chance.choice(_VALUES[name])
    if key == "phone":
        return f"{chance.choice((13, 31, 23, 11))}-{number:03}"
    if key in _KEYS:
        if table == "lineitem" and key == "orderkey":
            return chance.randrange(_KEYS[key]) // 2 * 2  # every other order is empty
        if table == "orders" and key == "custkey":
            return chance.randrange(30)  # some customers order nothing
        return number if key == own else chance.randrange(_KEYS[key])
    match kind:
        case "i":
            return chance.randrange(1000)
        case "d":
            return Decimal(chance.randrange(-50_00, 999_00)) / 100
        case "a":
            return date(1993, 1, 1) + timedelta(days=chance.randrange(1400))
        case _:
            return f"{key} {number}"


def outputs(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, list[str]]:
    """The values of each output column, sorted."""
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    rows = found.fetchall()
    return {name: sorted(str(row[place]) for row in rows) for place, name in enumerate(names)}


def read(query: str, names: list[str]) -> dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """What each table gives to each output: direct and indirect columns."""
    found: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    target = Table(name="result", columns=tuple(names))
    for table in TABLES.values():
        others = {name: other for name, other in TABLES.items() if other is not table}
        answered = answer(Question(sql=query, dialect="duckdb", source=table, target=target, others=others))
        if isinstance(answered, Read):
            found[table.name] = {link.target: (link.sources, link.indirect) for link in answered.links}
    return found
