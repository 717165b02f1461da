"""The 22 queries of TPC-H: what is read of their columns, against what a change of a column changes in DuckDB."""

import re
from collections.abc import Iterator

import duckdb
import pytest

from tests.adapters.sql_columns.tpch_tables import COLUMNS, QUERIES, fill, outputs, read

ALTERED = {"i": "{0} + 100000", "d": "{0} * 3 + 777.77", "t": "'!' || {0}", "a": "{0} + interval 4000 day"}


@pytest.fixture(scope="module")
def rows() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    fill(connection)
    yield connection
    connection.close()


def tables_of(query: str) -> list[str]:
    """The tables whose names stand in a query."""
    return [table for table in COLUMNS if re.search(rf"\b{table}\b", query)]


def changed(
    connection: duckdb.DuckDBPyConnection, query: str, table: str, column: str, value: str, before: dict[str, list[str]]
) -> set[str]:
    """The outputs that are other than before when a column holds other values."""
    connection.execute("begin")
    connection.execute(f"update {table} set {column} = ({value})")
    after = outputs(connection, query)
    connection.execute("rollback")
    return {name for name in before if before[name] != after[name]}


def shuffled(table: str, column: str) -> str:
    """Another row's value of the same column."""
    return (
        f"select o.v from (select rowid as r, lead({column}, 7, {column}) over (order by rowid) as v from {table}) o"
        f" where o.r = {table}.rowid"
    )


def test_there_are_22_queries_and_each_finds_rows(rows: duckdb.DuckDBPyConnection) -> None:
    assert list(QUERIES) == [f"{number:02}" for number in range(1, 23)]
    assert [name for name, query in QUERIES.items() if not all(outputs(rows, query).values())] == []


@pytest.mark.parametrize("name", QUERIES)
def test_every_table_gives_something_to_every_output(name: str, rows: duckdb.DuckDBPyConnection) -> None:
    query = QUERIES[name]
    names = list(outputs(rows, query))
    found = read(query, names)
    assert sorted(found) == sorted(tables_of(query))
    for table, links in found.items():
        named = {column for direct, indirect in links.values() for column in (*direct, *indirect)}
        assert named <= COLUMNS[table].keys()


@pytest.mark.parametrize("name", QUERIES)
def test_a_changed_column_changes_no_output_that_is_not_said_to_hang_on_it(
    name: str, rows: duckdb.DuckDBPyConnection
) -> None:
    query = QUERIES[name]
    before = outputs(rows, query)
    found = read(query, list(before))
    for table in tables_of(query):
        for column, kind in COLUMNS[table].items():
            told = {output for output, (one, other) in found[table].items() if column in (*one, *other)}
            if told == before.keys():
                continue
            for value in (ALTERED[kind].format(column), shuffled(table, column)):
                assert changed(rows, query, table, column, value, before) <= told, (table, column)


def test_a_column_that_is_only_shown_changes_exactly_the_outputs_that_are_told(
    rows: duckdb.DuckDBPyConnection,
) -> None:
    pairs = 0
    for name, query in QUERIES.items():
        before = outputs(rows, query)
        found = read(query, list(before))
        for table, links in found.items():
            direct = {output: set(one) for output, (one, _) in links.items()}
            indirect = {column for _, other in links.values() for column in other}
            for column in set().union(*direct.values()) - indirect:
                told = {output for output, columns in direct.items() if column in columns}
                value = ALTERED[COLUMNS[table][column]].format(column)
                assert changed(rows, query, table, column, value, before) == told, (name, table, column)
                pairs += len(told)
    assert pairs == 37


def test_reads_sums_groups_and_filters() -> None:
    by = ("l_returnflag", "l_linestatus")
    filtered = ("l_shipdate",)
    rest = ("l_returnflag", "l_linestatus", "l_shipdate")
    direct = {
        "l_returnflag": (("l_returnflag",), ("l_linestatus", *filtered)),
        "l_linestatus": (("l_linestatus",), ("l_returnflag", *filtered)),
        "sum_qty": (("l_quantity",), rest),
        "sum_base_price": (("l_extendedprice",), rest),
        "sum_disc_price": (("l_extendedprice", "l_discount"), rest),
        "sum_charge": (("l_extendedprice", "l_discount", "l_tax"), rest),
        "avg_qty": (("l_quantity",), rest),
        "avg_price": (("l_extendedprice",), rest),
        "avg_disc": (("l_discount",), rest),
        "count_order": ((), (*by, *filtered)),
    }
    assert read(QUERIES["01"], list(direct)) == {"lineitem": direct}


def test_reads_a_join_whose_counted_column_is_renamed() -> None:
    hang = ("o_custkey", "o_comment")
    assert read(QUERIES["13"], ["c_count", "custdist"]) == {
        "customer": {"c_count": ((), ("c_custkey",)), "custdist": ((), ("c_custkey",))},
        "orders": {
            "c_count": (("o_orderkey",), hang),
            "custdist": ((), ("o_orderkey", *hang)),
        },
    }


def test_reads_a_named_query_that_is_used_twice() -> None:
    shown = ["s_suppkey", "s_name", "s_address", "s_phone", "total_revenue"]
    hang = ("l_suppkey", "l_extendedprice", "l_discount", "l_shipdate")
    assert read(QUERIES["15"], shown) == {
        "supplier": {
            "s_suppkey": (("s_suppkey",), ()),
            "s_name": (("s_name",), ("s_suppkey",)),
            "s_address": (("s_address",), ("s_suppkey",)),
            "s_phone": (("s_phone",), ("s_suppkey",)),
            "total_revenue": ((), ("s_suppkey",)),
        },
        "lineitem": {
            **dict.fromkeys(shown[:4], ((), hang)),
            "total_revenue": (("l_extendedprice", "l_discount"), ("l_suppkey", "l_shipdate")),
        },
    }


def test_reads_queries_within_conditions() -> None:
    hang = ("c_custkey", "c_phone", "c_acctbal")
    assert read(QUERIES["22"], ["cntrycode", "numcust", "totacctbal"]) == {
        "customer": {
            "cntrycode": (("c_phone",), ("c_custkey", "c_acctbal")),
            "numcust": ((), hang),
            "totacctbal": (("c_acctbal",), ("c_custkey", "c_phone")),
        },
        "orders": dict.fromkeys(("cntrycode", "numcust", "totacctbal"), ((), ("o_custkey",))),
    }
