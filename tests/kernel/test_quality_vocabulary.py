from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from server.kernel.errors import BadUserInput
from server.kernel.fields import Field
from server.kernel.quality import QualityRule
from server.kernel.quality_checks import (
    After,
    Aggregate,
    Before,
    Between,
    Check,
    Compare,
    Condition,
    Format,
    Formatted,
    Fresh,
    IsNull,
    Measure,
    NoneOf,
    NotNull,
    OneOf,
    Operator,
    Refers,
    RowCount,
    Unique,
    UniqueInDataset,
    UniqueWith,
    When,
)
from server.kernel.quality_grammar import parse_check
from server.kernel.quality_measures import Figure, within
from server.kernel.quality_schema import check_rule

FIELDS = (
    Field(name="name", type="string"),
    Field(name="count", type="int"),
    Field(name="score", type="float"),
    Field(name="amount", type="decimal(10,2)"),
    Field(name="active", type="boolean"),
    Field(name="born", type="date"),
    Field(name="seen", type="datetime"),
    Field(name="extra", type="json"),
    Field(name='price "net" (€)', type="int"),
    Field(name="caf\u00e9", type="string"),
)
ONE = Compare(operator=Operator.EQUAL, value=Decimal(1))
CONDITION = "a comparison (> >= < <= = !=) or between or in or not or is"


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("before '2024-01-31'", Before(moment="2024-01-31")),
        ("AFTER'2024-01-31T12:00:00Z'", After(moment="2024-01-31T12:00:00Z")),
        ("is Credit_Card", Formatted(format=Format.CREDIT_CARD)),
        ("unique with (a, b)", UniqueWith(columns=("a", "b"))),
        (
            'unique with("first name","a ""b""",naïve,名前)',
            UniqueWith(columns=("first name", 'a "b"', "naïve", "名前")),
        ),
        ("unique with (नाम)", UniqueWith(columns=("नाम",))),
        ("unique in dataset", UniqueInDataset()),
        ("in dataset users.user_id", Refers(dataset="users", column="user_id")),
        ("in dataset 2024.eu-users_v2.user_id", Refers(dataset="2024.eu-users_v2", column="user_id")),
        ('in dataset "eu.users"."user id"', Refers(dataset="eu.users", column="user id")),
        (
            "mean between -1.5 and 2",
            Aggregate(measure=Measure.MEAN, bound=Between(low=Decimal("-1.5"), high=Decimal(2))),
        ),
        (
            "NULL_FRACTION<=.05",
            Aggregate(measure=Measure.NULL_FRACTION, bound=Compare(operator=Operator.AT_MOST, value=Decimal("0.05"))),
        ),
        (
            "max < '2030-01-01'",
            Aggregate(measure=Measure.MAX, bound=Compare(operator=Operator.LESS, value="2030-01-01")),
        ),
        ("freshness <= 90 m", Fresh(limit=timedelta(minutes=90))),
        ("freshness<=24H", Fresh(limit=timedelta(days=1))),
        ("freshness <= 7\nd", Fresh(limit=timedelta(days=7))),
    ],
)
def test_reads_a_check(text: str, check: Check) -> None:
    assert parse_check(text) == check


@pytest.mark.parametrize(
    ("text", "column", "condition"),
    [
        ("when kind = 1", "kind", ONE),
        ("WHEN when = 1", "when", ONE),
        ("when null != 'x'", "null", Compare(operator=Operator.UNEQUAL, value="x")),
        ('when "is it, or not?" is null', "is it, or not?", IsNull()),
        ("when a is not null", "a", NotNull()),
        ("when a in (1, 'b')", "a", OneOf(values=(Decimal(1), "b"))),
        ("when a not in (1)", "a", NoneOf(values=(Decimal(1),))),
        ("when a between 1 and 2", "a", Between(low=Decimal(1), high=Decimal(2))),
    ],
)
@pytest.mark.parametrize("check", ["> 0", "between 0 and 1", "unique", "not null", "row_count > 0", "sum > 0"])
def test_a_condition_stands_behind_any_check(check: str, text: str, column: str, condition: Condition) -> None:
    alone = parse_check(check)
    assert not isinstance(alone, When)
    assert parse_check(f"{check} {text}") == When(check=alone, column=column, condition=condition)


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("before 2024", 8, "a text in single quotes"),
        ("is phone", 4, "a format (email uuid ip iban credit_card)"),
        ("unique with a", 13, "("),
        ("unique with (1)", 14, "a column or a name in double quotes"),
        ("unique with ('a')", 14, "a column or a name in double quotes"),
        ("unique with (a b)", 16, ", or )"),
        ('unique with ("a)', 14, 'a name and a closing double quote ("" stands for a quote inside)'),
        ("unique in users", 11, "dataset"),
        ("in dataset users", 12, "the name of a dataset with a dot and a column behind it or a name in double quotes"),
        ("in dataset users.", 18, "a column or a name in double quotes"),
        ("in dataset users.first name", 24, "when or the end"),
        (
            "in dataset 'users'.id",
            12,
            "the name of a dataset with a dot and a column behind it or a name in double quotes",
        ),
        ("freshness < 24 h", 11, "<="),
        ("freshness <= 24", 14, "a duration such as 90 m, 24 h or 7 d"),
        ("freshness <= 1 w", 14, "a duration such as 90 m, 24 h or 7 d"),
        ("mean in (1)", 6, "a comparison (> >= < <= = !=) or between"),
        ("> 0 when", 9, "a column or a name in double quotes"),
        ("> 0 when a", 11, "a comparison (> >= < <= = !=) or between or in or not or is"),
        ("> 0 when a is empty", 15, "not or null"),
        ("> 0 when a matches 'x'", 12, f"{CONDITION} (a column with a space in its name stands in double quotes)"),
        ("> 0 when period code = 1", 17, f"{CONDITION} (a column with a space in its name stands in double quotes)"),
        ('> 0 when "period code" 1', 24, CONDITION),
        ("> 0 when a = 1 and b = 2", 16, "the end"),
        ("> 0 whenever a = 1", 5, "when or the end"),
    ],
)
def test_says_where_a_check_cannot_be_read(text: str, position: int, expected: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        parse_check(text)
    assert refused.value.details == {"position": position}
    assert refused.value.message.endswith(f"expected is {expected}")


@pytest.mark.parametrize(
    ("column", "text", "check"),
    [
        ("born", "before '2024-02-29'", Before(moment=date(2024, 2, 29))),
        ("seen", "after '2024-02-29'", After(moment=datetime(2024, 2, 29, tzinfo=UTC))),
        ("name", "is iban", Formatted(format=Format.IBAN)),
        (
            "extra",
            "null_fraction = 0",
            Aggregate(measure=Measure.NULL_FRACTION, bound=Compare(operator=Operator.EQUAL, value=Decimal(0))),
        ),
        ("score", "mean = 1", Aggregate(measure=Measure.MEAN, bound=Compare(operator=Operator.EQUAL, value=1.0))),
        (
            "count",
            "mean = 1.5",
            Aggregate(measure=Measure.MEAN, bound=Compare(operator=Operator.EQUAL, value=Decimal("1.5"))),
        ),
        (
            "amount",
            "sum = 1e30",
            Aggregate(measure=Measure.SUM, bound=Compare(operator=Operator.EQUAL, value=Decimal("1e30"))),
        ),
        (
            "born",
            "min between '2024-01-01' and '2024-12-31'",
            Aggregate(measure=Measure.MIN, bound=Between(low=date(2024, 1, 1), high=date(2024, 12, 31))),
        ),
        (
            "active",
            "distinct_count = 2",
            Aggregate(measure=Measure.DISTINCT_COUNT, bound=Compare(operator=Operator.EQUAL, value=Decimal(2))),
        ),
        ("born", "freshness <= 1 d", Fresh(limit=timedelta(days=1))),
        ("count", "in dataset users.cafe\u0301", Refers(dataset="users", column="caf\u00e9")),
        (None, 'unique with (count, "price ""net"" (€)")', UniqueWith(columns=("count", 'price "net" (€)'))),
        ("name", "unique with (cafe\u0301)", UniqueWith(columns=("caf\u00e9",))),
        (
            None,
            "row_count > 1 when active = 'true'",
            When(
                check=RowCount(operator=Operator.GREATER, count=1),
                column="active",
                condition=Compare(operator=Operator.EQUAL, value=True),
            ),
        ),
        ("name", "unique when cafe\u0301 is null", When(check=Unique(), column="caf\u00e9", condition=IsNull())),
        ("name", "not null when extra is not null", When(check=NotNull(), column="extra", condition=NotNull())),
    ],
)
def test_fits_a_check_to_the_schema(column: str | None, text: str, check: Check) -> None:
    found = check_rule(QualityRule(column=column, check=text), FIELDS)
    assert (found, repr(found)) == (check, repr(check))


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("name", "before '2024-01-01'", "column 'name' is string; before is for date and datetime columns"),
        ("count", "after '2024-01-01'", "column 'count' is int; after is for date and datetime columns"),
        ("born", "before 'soon'", "'soon' does not fit column 'born' (date)"),
        ("score", "freshness <= 1 h", "column 'score' is float; freshness is for date and datetime columns"),
        ("count", "is ip", "column 'count' is int; matches, length and is are for string columns"),
        (None, "unique with (nmae)", "check 'unique with (nmae)': column 'nmae' is not in the schema; did you mean"),
        (None, "unique with (name, name)", "unique with names column 'name' twice; name it once"),
        (None, "unique with (extra)", "column 'extra' is json"),
        ("extra", "unique in dataset", "column 'extra' is json"),
        ("extra", "distinct_count > 1", "column 'extra' is json"),
        ("extra", "in dataset a.b", "column 'extra' is json"),
        ("name", "mean > 1", "column 'name' is string; mean is for int, float and decimal columns"),
        ("born", "sum > 1", "column 'born' is date; sum is for int, float and decimal columns"),
        ("active", "max = 'true'", "column 'active' is boolean, which has no order; max is not for it"),
        ("name", "min > 1", "1 does not fit column 'name' (string): write a text in single quotes"),
        ("count", "sum > '1'", "'1' does not fit sum: write a bare number"),
        ("count", "distinct_count > 1.5", "1.5 does not fit distinct_count: write a bare whole number"),
        ("count", "distinct_count > -1", "-1 does not fit distinct_count: write a bare whole number"),
        ("count", "null_fraction < 5", "5 does not fit null_fraction: write a bare number from 0 to 1"),
        ("count", "sum between 2 and 1", "sum between 2 and 1 holds no value; write the smaller end first"),
        ("count", "> 0 when nmae = 'x'", "check \"> 0 when nmae = 'x'\": column 'nmae' is not in the schema"),
        ("count", "> 0 when born = 'x'", "'x' does not fit column 'born' (date)"),
        ("count", "> 0 when active > 'true'", "column 'active' is boolean, which has no order"),
        ("count", "> 0 when extra = 'x'", "column 'extra' is json"),
        ("count", "> 'x' when name = 'x'", "'x' does not fit column 'count' (int)"),
        ("name", "row_count > 0 when name = 'x'", "row_count is about the whole batch"),
        (None, "sum > 0", "is about a column; name it"),
        (None, "in dataset users.id", "is about a column; name it"),
        ("_id", "unique with (name)", "column '_id' is not in the schema"),
    ],
)
def test_refuses_a_rule_that_does_not_fit_the_schema(column: str | None, text: str, message: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        check_rule(QualityRule(column=column, check=text), FIELDS)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("figure", "bound", "met"),
    [
        (Fraction(1, 10), Compare(operator=Operator.AT_MOST, value=Decimal("0.1")), True),
        (Fraction(1, 3), Compare(operator=Operator.GREATER, value=Decimal("0.3333333333333333333")), True),
        (Decimal("0.30"), Compare(operator=Operator.EQUAL, value=Decimal("0.3")), True),
        (0.1, Compare(operator=Operator.EQUAL, value=0.1), True),
        (Decimal(3), Between(low=Decimal(1), high=Decimal(3)), True),
        (Decimal(3), Between(low=Decimal("3.01"), high=Decimal(4)), False),
        ("b", Between(low="a", high="b"), True),
        (date(2024, 1, 2), Compare(operator=Operator.LESS, value=date(2024, 1, 2)), False),
    ],
)
def test_figures_are_compared_exactly(figure: Figure, bound: Compare | Between, met: bool) -> None:
    assert within(figure, bound) is met
