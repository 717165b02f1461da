"""The grammar of a check's text, and refusals that point at the character."""

import re
from decimal import Decimal
from functools import cache

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from server.kernel.errors import BadUserInput
from server.kernel.quality_checks import (
    Between,
    Check,
    Compare,
    Length,
    Literal,
    Matches,
    NoneOf,
    NotNull,
    OneOf,
    Operator,
    RowCount,
    Unique,
)

MAX_CHECK = 10_000  # characters; an `in (...)` of some hundred codes fits

GRAMMAR = r"""
?check: OPERATOR literal                -> compare
    | _BETWEEN literal _AND literal     -> between
    | _IN _list                         -> one_of
    | _NOT _IN _list                    -> none_of
    | _NOT _NULL                        -> not_null
    | _UNIQUE                           -> unique
    | _MATCHES TEXT                     -> matches
    | _LENGTH OPERATOR COUNT            -> length
    | _ROW_COUNT OPERATOR COUNT         -> row_count

_list: "(" literal ("," literal)* ")"
literal: NUMBER                         -> number
    | TEXT                              -> text

OPERATOR: ">=" | "<=" | "!=" | ">" | "<" | "="
NUMBER: /[+-]?([0-9]{1,60}(\.[0-9]{1,60})?|\.[0-9]{1,60})(e[+-]?[0-9]{1,3})?(?![\w.])/i
COUNT: /[0-9]{1,18}(?![\w.])/
TEXT: /'([^']|'')*'/
_BETWEEN: /between\b/i
_AND: /and\b/i
_IN: /in\b/i
_NOT: /not\b/i
_NULL: /null\b/i
_UNIQUE: /unique\b/i
_MATCHES: /matches\b/i
_LENGTH: /length\b/i
_ROW_COUNT: /row_count\b/i
%ignore /\s+/
"""

# How a refusal names what could stand at a place, in this order.
WORDS = {
    "OPERATOR": "a comparison (> >= < <= = !=)",
    "NUMBER": "a number",
    "COUNT": "a whole number",
    "TEXT": "a text in single quotes",
    "_BETWEEN": "between",
    "_AND": "and",
    "_IN": "in",
    "_NOT": "not",
    "_NULL": "null",
    "_UNIQUE": "unique",
    "_MATCHES": "matches",
    "_LENGTH": "length",
    "_ROW_COUNT": "row_count",
    "LPAR": "(",
    "COMMA": ",",
    "RPAR": ")",
    "$END": "the end",
}
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
    return Lark(GRAMMAR, start="check", parser="lalr")


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

    def number(self, token: Token) -> Literal:
        return Decimal(token)

    def text(self, token: Token) -> Literal:
        return _unquoted(token)


def _unquoted(token: Token) -> str:
    return token[1:-1].replace("''", "'")


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
    return _refusal(text, index, " or ".join(word for terminal, word in WORDS.items() if terminal in expected))


def _refusal(text: str, index: int, expected: str) -> BadUserInput:
    stood = re.match(r"\S*", text[index : index + 30])
    found = repr(stood[0]) if stood and stood[0] else "the end"
    return BadUserInput(
        f"check {text[:80]!r} cannot be read at position {index + 1}: {found} stands there, expected is {expected}",
        field="check",
        position=index + 1,
    )
