"""The grammar of a check's text, and refusals that point at the character."""

import re
from datetime import timedelta
from decimal import Decimal
from functools import cache

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from server.kernel.errors import BadUserInput
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
    Length,
    Literal,
    Matches,
    Measure,
    NoneOf,
    NotNull,
    OneOf,
    Operator,
    PlainCheck,
    Refers,
    RowCount,
    Unique,
    UniqueInDataset,
    UniqueWith,
    When,
)

MAX_CHECK = 10_000  # characters; an `in (...)` of some hundred codes fits

GRAMMAR = r"""
?rule: check
    | check _WHEN name condition        -> when

?check: value_check
    | _NOT _NULL                        -> not_null
    | _MATCHES TEXT                     -> matches
    | _LENGTH OPERATOR COUNT            -> length
    | _BEFORE TEXT                      -> before
    | _AFTER TEXT                       -> after
    | _IS FORMAT                        -> formatted
    | _UNIQUE                           -> unique
    | _UNIQUE _WITH _names              -> unique_with
    | _UNIQUE _IN _DATASET              -> unique_in_dataset
    | _IN _DATASET dataset "." name     -> refers
    | MEASURE bound                     -> aggregate
    | _FRESHNESS AT_MOST DURATION       -> fresh
    | _ROW_COUNT OPERATOR COUNT         -> row_count

?condition: value_check
    | _IS _NULL                         -> is_null
    | _IS _NOT _NULL                    -> not_null

?value_check: bound
    | _IN _list                         -> one_of
    | _NOT _IN _list                    -> none_of

?bound: OPERATOR literal                -> compare
    | _BETWEEN literal _AND literal     -> between

_list: "(" literal ("," literal)* ")"
_names: "(" name ("," name)* ")"
literal: NUMBER                         -> number
    | TEXT                              -> text
name: IDENTIFIER                        -> bare
    | QUOTED                            -> quoted
dataset: DATASET                        -> bare
    | QUOTED                            -> quoted

OPERATOR: ">=" | "<=" | "!=" | ">" | "<" | "="
AT_MOST: "<="
NUMBER: /[+-]?([0-9]{1,60}(\.[0-9]{1,60})?|\.[0-9]{1,60})(e[+-]?[0-9]{1,3})?(?![\w.])/i
COUNT: /[0-9]{1,18}(?![\w.])/
DURATION: /[0-9]{1,6}\s*[mhd]\b/i
TEXT: /'([^']|'')*'/
IDENTIFIER: /[^\W\d](\w|[^\x00-\x7f\s])*/
QUOTED: /"([^"]|"")+"/
DATASET: /[A-Za-z0-9][A-Za-z0-9._-]*(?=\.)/
FORMAT: /(email|uuid|ip|iban|credit_card)\b/i
MEASURE: /(distinct_count|null_fraction|mean|min|max|sum)\b/i
_BETWEEN: /between\b/i
_AND: /and\b/i
_IN: /in\b/i
_NOT: /not\b/i
_NULL: /null\b/i
_MATCHES: /matches\b/i
_LENGTH: /length\b/i
_BEFORE: /before\b/i
_AFTER: /after\b/i
_IS: /is\b/i
_UNIQUE: /unique\b/i
_WITH: /with\b/i
_DATASET: /dataset\b/i
_FRESHNESS: /freshness\b/i
_ROW_COUNT: /row_count\b/i
_WHEN: /when\b/i
%ignore /\s+/
"""

# How a refusal names what could stand at a place, in this order.
WORDS = {
    "OPERATOR": "a comparison (> >= < <= = !=)",
    "AT_MOST": "<=",
    "NUMBER": "a number",
    "COUNT": "a whole number",
    "DURATION": "a duration such as 90 m, 24 h or 7 d",
    "TEXT": "a text in single quotes",
    "DATASET": "the name of a dataset with a dot and a column behind it",
    "IDENTIFIER": "a column",
    "QUOTED": "a name in double quotes",
    "FORMAT": f"a format ({' '.join(Format)})",
    "_BETWEEN": "between",
    "_AND": "and",
    "_IN": "in",
    "_NOT": "not",
    "_NULL": "null",
    "_MATCHES": "matches",
    "_LENGTH": "length",
    "_BEFORE": "before",
    "_AFTER": "after",
    "_IS": "is",
    "_UNIQUE": "unique",
    "_WITH": "with",
    "_DATASET": "dataset",
    "MEASURE": f"an aggregate ({' '.join(Measure)})",
    "_FRESHNESS": "freshness",
    "_ROW_COUNT": "row_count",
    "_WHEN": "when",
    "LPAR": "(",
    "COMMA": ",",
    "RPAR": ")",
    "DOT": ".",
    "$END": "the end",
}
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def parse_check(text: str) -> Check:
    """Read a check such as `between 0 and 10`. Raises: BadUserInput, with the 1-based position in its details."""
    if len(text) > MAX_CHECK:
        raise BadUserInput(f"a check has at most {MAX_CHECK} characters; this one has {len(text)}", field="check")
    if found := _NOT_TEXT.search(text):
        raise _refusal(text, found.start(), "text without NUL and without half of a surrogate pair")
    try:
        return _Reader().transform(_grammar().parse(text))
    except (UnexpectedCharacters, UnexpectedToken) as error:
        raise _pointing_at(error, text) from None


@cache
def _grammar() -> Lark:
    return Lark(GRAMMAR, start="rule", parser="lalr")


@v_args(inline=True)
class _Reader(Transformer[Token, Check]):
    """From the parse tree to the record of the check: one method for each alternative of the grammar."""

    def compare(self, operator: Token, value: Literal) -> Check:
        return Compare(operator=Operator(operator), value=value)

    def between(self, low: Literal, high: Literal) -> Check:
        return Between(low=low, high=high)

    def one_of(self, *values: Literal) -> Check:
        return OneOf(values=values)

    def none_of(self, *values: Literal) -> Check:
        return NoneOf(values=values)

    def not_null(self) -> Check:
        return NotNull()

    def unique(self) -> Check:
        return Unique()

    def matches(self, pattern: Token) -> Check:
        return Matches(pattern=_unquoted(pattern))

    def length(self, operator: Token, count: Token) -> Check:
        return Length(operator=Operator(operator), count=int(count))

    def row_count(self, operator: Token, count: Token) -> Check:
        return RowCount(operator=Operator(operator), count=int(count))

    def before(self, moment: Token) -> Check:
        return Before(moment=_unquoted(moment))

    def after(self, moment: Token) -> Check:
        return After(moment=_unquoted(moment))

    def formatted(self, name: Token) -> Check:
        return Formatted(format=Format(name.lower()))

    def unique_with(self, *names: str) -> Check:
        return UniqueWith(columns=names)

    def unique_in_dataset(self) -> Check:
        return UniqueInDataset()

    def refers(self, dataset: str, column: str) -> Check:
        return Refers(dataset=dataset, column=column)

    def aggregate(self, measure: Token, bound: Compare | Between) -> Check:
        return Aggregate(measure=Measure(measure.lower()), bound=bound)

    def fresh(self, _: Token, duration: Token) -> Check:
        return Fresh(limit=int(duration[:-1]) * _UNITS[duration[-1].lower()])

    def when(self, check: PlainCheck, column: str, condition: Condition) -> Check:
        return When(check=check, column=column, condition=condition)

    def is_null(self) -> Condition:
        return IsNull()

    def bare(self, name: Token) -> str:
        return str(name)

    def quoted(self, name: Token) -> str:
        return name[1:-1].replace('""', '"')

    def number(self, token: Token) -> Literal:
        return Decimal(token)

    def text(self, token: Token) -> Literal:
        return _unquoted(token)


def _unquoted(token: Token) -> str:
    return token[1:-1].replace("''", "'")


_BARE = re.compile(r"\swhen\s+[^\s\"']+\s+\Z")  # the name of a condition, without quotes


def _pointing_at(error: UnexpectedCharacters | UnexpectedToken, text: str) -> BadUserInput:
    if isinstance(error, UnexpectedCharacters):
        index = error.pos_in_stream or 0
    else:
        place = error.token.start_pos
        index = len(text.rstrip()) if error.token.type == "$END" or place is None else place
    # asked anew, since the error lists what may stand in any check that shares this state of the parser
    so_far = _grammar().parse_interactive(text[:index])
    so_far.exhaust_lexer()
    expected: set[str] = so_far.accepts()  # type: ignore[no-untyped-call]  # lark left it without hints
    if "TEXT" in expected and text.startswith("'", index):
        return _refusal(text, index, "a closing single quote ('' stands for a quote inside)")
    if "QUOTED" in expected and text.startswith('"', index):
        return _refusal(text, index, 'a name and a closing double quote ("" stands for a quote inside)')
    spaced = " (a column with a space in its name stands in double quotes)" if _BARE.search(text[:index]) else ""
    words = " or ".join(word for terminal, word in WORDS.items() if terminal in expected)
    return _refusal(text, index, words + spaced)


def _refusal(text: str, index: int, expected: str) -> BadUserInput:
    stood = re.match(r"\S*", text[index : index + 30])
    found = repr(stood[0]) if stood and stood[0] else "the end"
    return BadUserInput(
        f"check {text[:80]!r} cannot be read at position {index + 1}: {found} stands there, expected is {expected}",
        field="check",
        position=index + 1,
    )
