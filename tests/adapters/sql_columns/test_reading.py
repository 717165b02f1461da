"""Statements of every shape: what is read of them, or in which words nothing is."""

import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.sql_columns.dialects import DIALECTS
from server.adapters.sql_columns.question import Answer, Link, Missing, Question, Read, Table, Unknown
from server.adapters.sql_columns.reading import answer

ORDERS = Table(name="Orders", columns=("Id", "customer", "amount", "note"))
TOTALS = Table(name="totals", columns=("customer", "total"))
RATES = Table(name="rates", columns=("customer", "rate"))


def ask(sql: str, dialect: str | None = None, **changed: Any) -> Answer:
    given = {"source": ORDERS, "target": TOTALS, "others": {"rates": RATES}, **changed}
    return answer(Question(sql=sql, dialect=dialect, **given))


def told(sql: str, dialect: str | None = None, **changed: Any) -> dict[str, str]:
    """Each target as `direct columns ~ indirect columns`."""
    found = ask(sql, dialect, **changed)
    assert isinstance(found, Read), found
    return {link.target: f"{' '.join(link.sources)} ~ {' '.join(link.indirect)}".strip() for link in found.links}


def reason(sql: str, dialect: str | None = None, **changed: Any) -> str:
    found = ask(sql, dialect, **changed)
    assert isinstance(found, Unknown), found
    return found.reason


PLAIN = {"customer": "customer ~", "total": "amount ~"}


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("select customer, amount as total from orders", None),
        ("SELECT Customer, AMOUNT AS Total FROM ORDERS", "snowflake"),
        ('select "Customer", "amount" as "TOTAL" from shop."Orders"', "postgres"),
        ("select `customer`, amount total from `project.shop.Orders`", "bigquery"),
        ("select [customer], total = [amount] from [dbo].[Orders]", "tsql"),
        ("select /* amount */ customer, amount total -- note\nfrom orders # x\n", "mysql"),
        ("select orders.customer, shop.orders.amount as total from shop.orders;", "spark"),
        ("from orders select customer, amount as total", "duckdb"),
        ("with orders as (select * from orders) select customer, amount as total from orders", None),
        ("select customer, total from (select amount, customer from orders) as o (total, customer)", "postgres"),
        ("insert into totals select customer, amount from orders", None),
        ("insert into shop.totals (total, customer) select amount, customer from orders", None),
        ("insert into totals with o as (select * from orders) select customer, amount from o", "postgres"),
        ("create table totals as select customer, amount as total from orders", None),
        ("create or replace view totals (customer, total) as select customer, amount from orders", "postgres"),
        ("create or replace temp table totals as (select customer, amount as total from orders)", "snowflake"),
        ("select customer, amount as total from orders union all select customer, 0 from orders", None),
        ("select o.* exclude (note, id) rename (amount as total) from orders o", "snowflake"),
    ],
)
def test_reads_plain_columns(sql: str, dialect: str | None) -> None:
    assert told(sql, dialect) == PLAIN


@pytest.mark.parametrize(
    ("sql", "total"),
    [
        ("select amount * rate as total from orders join rates using (customer)", "amount ~ customer"),
        ("select amount as total from orders o, rates r where o.customer = r.customer", "amount ~ customer"),
        ("select sum(amount) as total from orders group by customer having max(id) > 1", "amount ~ Id customer"),
        ("select amount as total from orders order by note limit 3", "amount ~ note"),
        ("select amount as total from orders order by 1", "amount ~"),
        ("select distinct on (note) amount as total from orders", "amount ~ note"),
        ("select row_number() over (partition by note order by id) as total from orders", "~ Id note"),
        ("select sum(amount) over w as total from orders window w as (partition by note)", "amount ~ note"),
        ("select sum(amount) filter (where note = 'x') as total from orders", "amount ~ note"),
        ("select amount as total from orders qualify row_number() over (order by id) = 1", "amount ~ Id"),
        ("select case when note = 'x' then amount end as total from orders", "amount note ~"),
        ("select (select max(amount) from orders o where o.id = r.rate) as total from rates r", "amount ~ Id"),
        ("select rate as total from rates where exists (select 1 from orders where id = rate)", "~ Id"),
        ("select rate as total from rates where customer in (select note from orders where id = 1)", "~ Id note"),
        ("select coalesce(amount, 0) + length(note) as total from orders", "amount note ~"),
        (
            "select amount as total from (select *, customer as c from orders where id > 1) where c = 'x'",
            "amount ~ Id customer",
        ),
        ("select amount as total from orders except select id from orders", "Id amount ~"),
        ("select rate as total from rates union select id from orders where note = 'x'", "Id ~ note"),
        ("select count(distinct note) as total from orders", "note ~"),
        ("select v.a + amount as total from orders, (values (1), (2)) as v (a)", "amount ~"),
    ],
)
def test_reads_what_decides_on_rows(sql: str, total: str) -> None:
    assert told(sql, "duckdb") == {"total": total}


def test_counts_other_outputs_where_rows_are_made_distinct() -> None:
    sql = "select distinct customer, amount as total from orders"
    assert told(sql) == {"customer": "customer ~ amount", "total": "amount ~ customer"}
    sql = "select customer, amount as total from orders union select customer, rate from rates"
    assert told(sql) == {"customer": "customer ~ amount", "total": "amount ~ customer"}
    sql = "select customer, sum(amount) as total from orders group by all"
    assert told(sql, "duckdb") == {"customer": "customer ~ amount", "total": "amount ~ customer"}


def test_fills_by_place_where_an_output_has_no_name() -> None:
    assert told("select customer, sum(amount) from orders group by customer") == {
        "customer": "customer ~",
        "total": "amount ~ customer",
    }
    assert reason("select sum(amount), customer from orders group by customer") == (
        "output 1 of the SELECT has no name; name it as a column of the target"
    )


def test_takes_names_as_they_are_registered() -> None:
    source, target = Table(name="Straße", columns=("E\u0301tat", "x")), Table(name="Ziel", columns=("ÉTAT",))
    found = ask('select "\u00c9TAT" from "STRASSE"', source=source, target=target)
    assert found == Read(links=(Link(target="ÉTAT", sources=("E\u0301tat",), indirect=()),))


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (
            "select customer, zz as total from orders",
            "a column of the SQL is in none of the tables that it reads, or in several",
        ),
        (
            "select customer as total from orders, rates",
            "a column of the SQL is in none of the tables that it reads, or in several",
        ),
        ("select customer, amount from orders", "the target has no column 'amount'"),
        ("select customer, customer from orders", "column 'customer' of the target is made twice"),
        ("select rate as total from rates", "the SQL does not read 'Orders'"),
        ("select count(*) as total from orders", "no column of 'Orders' makes a column of 'totals'"),
        ("select id as total from orders; select 1", "the SQL holds 2 statements; one is read"),
        ("", "the SQL holds 0 statements; one is read"),
        ("update totals set total = 1", "the SQL is no SELECT, INSERT ... SELECT or CREATE ... AS SELECT"),
        ("delete from orders", "the SQL is no SELECT, INSERT ... SELECT or CREATE ... AS SELECT"),
        ("insert into totals values (1, 2)", "the statement has no SELECT of which its rows come"),
        ("insert into other select customer, amount from orders", "the SQL fills 'other', not 'totals'"),
        (
            "insert into totals (total) select customer, id from orders",
            "the statement lists 1 columns and its SELECT makes 2",
        ),
        (
            "insert into totals select customer from orders",
            "the INSERT lists no columns; its SELECT makes 1 and the target has 2",
        ),
        (
            "insert into totals select amount as total, customer from orders",
            "the INSERT lists no columns, and 'total' stands at the place of 'customer'",
        ),
        (
            "insert into totals select customer, amount from orders on conflict do nothing",
            "the INSERT changes rows that are there already",
        ),
        ("create index i on totals (total)", "a CREATE INDEX fills no table"),
        ("create table totals (customer text)", "the statement has no SELECT of which its rows come"),
        (
            "with recursive r as (select amount as total from orders union all select total from r) select * from r",
            "the SQL is recursive",
        ),
        (
            "select x as total from orders, unnest([1]) as u (x)",
            "something else than a table or a query stands where rows are read",
        ),
        ("select amount as total from orders, generate_series(1, 3)", "a function stands where a table is read"),
        ("select * from orders pivot (sum(amount) for note in ('a'))", "a PIVOT or UNPIVOT makes its columns"),
        (
            "select amount as total from orders union all by name select rate as total from rates",
            "a set operation matches its columns by name",
        ),
        ("select a.b.c.d as total from orders", "column 'd' is named with more than its table"),
        ("select 'secret", "the SQL cannot be read as duckdb: a quote or a comment is open"),
        ("select from where 'secret'", "the SQL cannot be read as duckdb at line 1, column 17"),
        ("select amount as total\0 from orders", "the SQL holds a null character"),
        (
            "select o.x as total from (select amount as x, id as x from orders) o",
            "column 'x' stands 2 times in the query that should make it",
        ),
    ],
)
def test_says_why_nothing_is_read(sql: str, why: str) -> None:
    assert reason(sql, "duckdb") == why


def test_keeps_no_more_links_than_an_event_should_hold() -> None:
    names = tuple(f"c{number}" for number in range(150))
    source, target = Table(name="wide", columns=names), Table(name="copy", columns=names)
    assert reason("select distinct * from wide", source=source, target=target) == (
        "the SQL ties columns together 22500 times; 20000 are kept"
    )
    found = ask("select * from wide", source=source, target=target)
    assert found == Read(links=tuple(Link(target=name, sources=(name,), indirect=()) for name in names))


def test_does_not_guess_which_end_is_read() -> None:
    target = Table(name="orders", columns=("customer",))
    assert reason("select customer from orders", target=target) == (
        "the SQL reads 'Orders', which may be either end of this edge"
    )


def test_asks_for_tables_whose_columns_it_needs() -> None:
    sql = "select amount as total from orders join B.Beta on true join a.ALPHA on true"
    assert ask(sql, others={}) == Missing(names=("alpha", "beta"))
    known: dict[str, Table | str] = {"alpha": RATES, "beta": "the SQL reads 'beta', which nobody knows"}
    assert reason(sql, others=known) == "the SQL reads 'beta', which nobody knows"


@pytest.mark.parametrize(
    "sql",
    [
        "select " + "(" * 10_000 + "amount" + ")" * 10_000 + " as total from orders",
        "select " + "not " * 20_000 + "amount as total from orders",
        "select " + "case when amount then " * 4_000 + "1" + " end" * 4_000 + " as total from orders",
    ],
)
def test_a_statement_nested_too_deeply_is_a_reason(sql: str) -> None:
    assert reason(sql) == "the SQL is nested too deeply to be read"


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        (
            "select customer, amount total from orders union select customer, 1 from orders order by " + "9" * 35,
            "duckdb",
        ),
        ("select <> map ( group table int ( then sets / hint cube json_table table date ( merge", "spark"),
    ],
)
def test_a_statement_at_which_the_reader_fails_is_a_reason(sql: str, dialect: str) -> None:
    assert reason(sql, dialect) == "the reader of SQL does not follow this statement"


def test_knows_the_dialects_of_the_reader() -> None:
    not_sql = {"", "dax", "prql", "solr"}
    program = "import sqlglot; print(*sqlglot.Dialect.classes, sep=',')"  # alone: Ibis puts its own in their place
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(DIALECTS) == set(done.stdout.strip().split(",")) - not_sql
    assert list(DIALECTS) == sorted(DIALECTS)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_reads_the_same_in_every_dialect(dialect: str) -> None:
    sql = "SELECT o.customer, SUM(o.amount) AS total FROM orders AS o WHERE o.note <> '' GROUP BY o.customer"
    assert told(sql, dialect) == {"customer": "customer ~ note", "total": "amount ~ customer note"}


WORDS = (
    "select from where group by orders rates amount customer total as ( ) , * 'secret' 1 + = join on with union"
    ' insert into case when end in exists over order distinct ; " ` -- /* */'
)


@given(st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join))
def test_answers_every_text_without_its_values(sql: str) -> None:
    found = ask(sql)
    assert pickle.loads(pickle.dumps(found)) == found
    match found:
        case Unknown(reason=why):
            assert "secret" not in re.sub(r"(table|column|reads|fills|place of) '[^']*'", "", why)
        case Read(links=links):
            assert {column for link in links for column in (*link.sources, *link.indirect)} <= set(ORDERS.columns)
            assert {link.target for link in links} <= set(TOTALS.columns)
        case Missing(names=names):
            assert names
