from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.fields import Field
from server.kernel.quality import (
    MAX_RULES,
    MAX_RULES_TEXT,
    QualityRule,
    RuleResult,
    Severity,
    broken_rules,
    check_amount,
)
from server.kernel.quality_checks import (
    Between,
    Check,
    Compare,
    Length,
    Matches,
    NoneOf,
    NotNull,
    OneOf,
    Operator,
    RowCount,
    Unique,
)
from server.kernel.quality_grammar import parse_check
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
)


def rule(column: str | None, check: str, threshold: float = 0.0) -> QualityRule:
    return QualityRule(column=column, check=check, threshold=threshold)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("> 0", Compare(operator=Operator.GREATER, value=Decimal(0))),
        (">=-1.50", Compare(operator=Operator.AT_LEAST, value=Decimal("-1.50"))),
        ("< .5", Compare(operator=Operator.LESS, value=Decimal("0.5"))),
        ("<= 1e-3", Compare(operator=Operator.AT_MOST, value=Decimal("0.001"))),
        ("= 'it''s'", Compare(operator=Operator.EQUAL, value="it's")),
        ("!=''", Compare(operator=Operator.UNEQUAL, value="")),
        ("between 0 and 10", Between(low=Decimal(0), high=Decimal(10))),
        ("BETWEEN '2024-01-01'AND'2024-12-31'", Between(low="2024-01-01", high="2024-12-31")),
        ("in ('EUR','USD')", OneOf(values=("EUR", "USD"))),
        ("in(1 , 2,3)", OneOf(values=(Decimal(1), Decimal(2), Decimal(3)))),
        ("Not In ('a')", NoneOf(values=("a",))),
        ("not   null", NotNull()),
        ("UNIQUE", Unique()),
        ("matches '^[A-Z]{3}$'", Matches(pattern="^[A-Z]{3}$")),
        ("length <= 3", Length(operator=Operator.AT_MOST, count=3)),
        ("length=3", Length(operator=Operator.EQUAL, count=3)),
        ("\trow_count > 0\n", RowCount(operator=Operator.GREATER, count=0)),
    ],
)
def test_reads_a_check(text: str, check: Check) -> None:
    assert parse_check(text) == check


@pytest.mark.parametrize(
    ("text", "position", "stood", "expected"),
    [
        ("> ", 2, "", "a number or a text in single quotes"),
        ("> EUR", 3, "EUR", "a number or a text in single quotes"),
        ("== 3", 2, "=", "a number or a text in single quotes"),
        ('matches "x"', 9, '"x"', "a text in single quotes"),
        ("= 'open", 3, "'open", "a closing single quote ('' stands for a quote inside)"),
        ("between 0and 1", 9, "0and", "a number or a text in single quotes"),
        ("between 0 or 1", 11, "or", "and"),
        ("length < 2.5", 10, "2.5", "a whole number"),
        ("in ()", 5, ")", "a number or a text in single quotes"),
        ("in (1 2)", 7, "2)", ", or )"),
        ("not", 4, "", "in or null"),
        ("unique 3", 8, "3", "in or with or when or the end"),
        ("> 1.2.3", 3, "1.2.3", "a number or a text in single quotes"),
        ("> ٣", 3, "٣", "a number or a text in single quotes"),
        ("= 'a\0b'", 5, "\0b'", "text without NUL and without half of a surrogate pair"),
        ("= '\ud800'", 4, "\ud800'", "text without NUL and without half of a surrogate pair"),
    ],
)
def test_says_where_a_check_cannot_be_read(text: str, position: int, stood: str, expected: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        parse_check(text)
    assert refused.value.details == {"position": position}
    assert refused.value.field == "check"
    told = refused.value.message.partition(f"cannot be read at position {position}: ")[2]
    assert told.startswith(f"{stood!r} stands" if stood else "the end stands")
    assert told.endswith(f"expected is {expected}")


@pytest.mark.parametrize("text", ["", "sometimes", "notnull", "isunique", "betwee", "5", "'a'"])
def test_lists_every_check_where_none_begins(text: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        parse_check(text)
    assert refused.value.message.endswith(
        "a comparison (> >= < <= = !=) or between or in or not or matches or length or before or after or is or unique"
        " or an aggregate (distinct_count null_fraction mean min max sum) or freshness or row_count"
    )
    assert refused.value.details == {"position": 1}


def test_refuses_a_check_of_more_than_ten_thousand_characters() -> None:
    with pytest.raises(BadUserInput, match="at most 10000 characters; this one has 10001"):
        parse_check("= '" + "a" * 9_997 + "'")


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50))
def test_every_text_survives_the_quotes(text: str) -> None:
    quoted = text.replace("'", "''")
    assert parse_check(f"in ('{quoted}', '')") == OneOf(values=(text, ""))


def position_of_refusal(text: str) -> int | None:
    try:
        parse_check(text)
    except BadUserInput as refused:
        return int(refused.details["position"])
    return None


WORDS = ["not", "null", "IN", "between", "and", "unique", "length", "row_count", "a"]
PIECES = st.sampled_from([*"><=!'(), \n5.-", *WORDS])


@settings(deadline=None)
@given(st.text(max_size=30) | st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_read_or_refused_with_a_position_inside_it(text: str) -> None:
    assert position_of_refusal(text) in (None, *range(1, len(text) + 2))


@pytest.mark.parametrize(
    ("column", "text", "check"),
    [
        ("count", "> 5.0", Compare(operator=Operator.GREATER, value=5)),
        ("count", ">= -9223372036854775808", Compare(operator=Operator.AT_LEAST, value=-(2**63))),
        ("score", "< 0.1", Compare(operator=Operator.LESS, value=0.1)),
        ("amount", "= 12345678.90", Compare(operator=Operator.EQUAL, value=Decimal("12345678.90"))),
        ("amount", "= 0.10000", Compare(operator=Operator.EQUAL, value=Decimal("0.1"))),
        ("active", "= 'TRUE'", Compare(operator=Operator.EQUAL, value=True)),
        ("active", "in ('false')", OneOf(values=(False,))),
        ("born", "> '2024-02-29'", Compare(operator=Operator.GREATER, value=date(2024, 2, 29))),
        ("seen", "> '2024-02-29'", Compare(operator=Operator.GREATER, value=datetime(2024, 2, 29, tzinfo=UTC))),
        (
            "seen",
            "between '2024-01-01 10:00' and '2024-01-01T13:00:00.5+02:00'",
            Between(low=datetime(2024, 1, 1, 10, tzinfo=UTC), high=datetime(2024, 1, 1, 11, 0, 0, 500_000, tzinfo=UTC)),
        ),
        ("name", "= '5'", Compare(operator=Operator.EQUAL, value="5")),
        ("extra", "not null", NotNull()),
        (None, "row_count >= 3", RowCount(operator=Operator.AT_LEAST, count=3)),
    ],
)
def test_gives_literals_the_type_of_the_column(column: str | None, text: str, check: Check) -> None:
    found = check_rule(rule(column, text), FIELDS)
    assert found == check
    assert repr(found).replace("0.10000", "0.1") == repr(check)  # 5 is not Decimal(5) here, nor 5.0


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("nmae", "not null", "column 'nmae' is not in the schema; did you mean 'name'?"),
        ("NAME", "not null", "did you mean 'name'?"),
        ("zzzzzz", "not null", "name one of 'name', 'count', 'score'"),
        ("name", "> 5", "5 does not fit column 'name' (string): write a text in single quotes"),
        ("count", "> '5'", "'5' does not fit column 'count' (int)"),
        ("count", "> 0.5", "0.5 does not fit column 'count' (int): write a bare whole number"),
        ("count", "> 9223372036854775808", "at most 64 bits"),
        ("count", "in (1, 'a')", "'a' does not fit column 'count' (int)"),
        ("score", "> 1e999", "a double can hold"),
        ("amount", "> 0.001", "at most 8 digits before and 2 after the point"),
        ("amount", "> 123456789", "at most 8 digits before and 2 after the point"),
        ("active", "= 'yes'", "'true' or 'false'"),
        ("active", "> 'true'", "boolean, which has no order"),
        ("active", "between 'false' and 'true'", "boolean, which has no order"),
        ("born", "> '2024-02-30'", "write a date such as"),
        ("born", "> '2024-02-28T00:00:00Z'", "write a date such as"),
        ("born", "> '20240228'", "write a date such as"),
        ("seen", "> '2024-02-28T25:00'", "write a time such as"),
        ("seen", "> '0001-01-01T00:00+14:00'", "write a time such as"),
        ("extra", "unique", "json, which takes only the checks not null and null_fraction"),
        ("count", "matches 'a'", "matches, length and is are for string columns"),
        ("born", "length > 3", "matches, length and is are for string columns"),
        ("count", "between 10 and 0", "between 10 and 0 holds no value"),
        ("count", "row_count > 0", "row_count is about the whole batch"),
        (None, "> 0", "is about a column; name it"),
        ("_id", "unique", "column '_id' is not in the schema"),
    ],
)
def test_refuses_a_rule_that_does_not_fit_the_schema(column: str | None, text: str, message: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        check_rule(rule(column, text), FIELDS)
    assert message in refused.value.message


@pytest.mark.parametrize("threshold", [-0.01, 1.01, float("nan"), float("inf")])
def test_refuses_a_threshold_that_is_no_fraction(threshold: float) -> None:
    with pytest.raises(BadUserInput, match="give one from 0 to 1"):
        check_rule(rule("name", "not null", threshold), FIELDS)


@pytest.mark.parametrize("threshold", [0, 1])
def test_takes_a_threshold_at_either_end(threshold: float) -> None:
    assert check_rule(rule("name", "not null", threshold), FIELDS) == NotNull()


def test_a_column_is_found_in_another_unicode_form() -> None:
    fields = (Field(name="caf\u00e9", type="string"),)
    assert check_rule(rule("cafe\u0301", "unique"), fields) == Unique()


def test_only_a_broken_error_fails_the_whole_check() -> None:
    def result(severity: Severity, passed: bool) -> RuleResult:
        judged = QualityRule(column="name", check="not null", severity=severity)
        return RuleResult(rule=judged, passed=passed, failed_rows=0, failed_fraction=0.0)

    bad = result(Severity.ERROR, False)
    good = [result(Severity.WARNING, False), result(Severity.ERROR, True)]
    assert (broken_rules(good), broken_rules([*good, bad])) == ([], [bad.rule])


def test_rules_are_bounded_in_number_and_in_text() -> None:
    check_amount([rule("count", "> 0")] * MAX_RULES)
    with pytest.raises(LimitExceeded, match="501 quality rules are given; 500 are allowed"):
        check_amount([rule("count", "> 0")] * (MAX_RULES + 1))
    check_amount([rule("count", "x" * 10_000)] * (MAX_RULES_TEXT // 10_000))
    with pytest.raises(LimitExceeded, match="have 100001 characters together; 100000 are allowed"):
        check_amount([*[rule("count", "x" * 10_000)] * (MAX_RULES_TEXT // 10_000), rule("count", "x")])
