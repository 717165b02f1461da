"""A subject: how the id of a person is known again in cells and in longer texts, however they spell it."""

import json
import re
import unicodedata
from collections.abc import Collection
from decimal import Decimal
from urllib.parse import quote, quote_plus

from server.kernel.record import record
from server.kernel.subject import normalised

ERASED, BLANK = "[erased]", "[]"
_IN_ANY_CASE = re.compile(r"[^@\s]+@[^@\s]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?", re.ASCII)
_PATH_SAFE = "@!$&'()*+,;=:"  # what an address may hold without percent signs (RFC 3986)
# a letter, a digit or `_` before a word makes it none, unless it ends an escape
_BEFORE = r"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{2})|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))"
_BEHIND = r"(?![\w\u0300-\u036f])"
_VALUE = re.compile(r"[\s\d.,:+_TtZzEe-]*", re.ASCII)  # how numbers, dates and times are written
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"(\s*:)?|-?\d[\d.eE+-]*|[{}\[\]]', re.DOTALL)


@record
class Subject:
    """A subject by the normalised id. `text` is as `server.kernel.subject.check_subject` gives it."""

    text: str

    def without(self, text: str) -> str:
        """A text with each word that is the id replaced."""
        return Matcher(self).without_words(text)


class Matcher:
    """Knows one subject. Addresses of e-mail and UUIDs are the same in any case, all other ids exactly.

    `any_case` says which; `spellings` are the texts that a file may hold for the id, longest first; `number`: the id as
    the number that it is the canonical text of; `instead`: what stands for a word that is gone.
    """

    def __init__(self, subject: Subject) -> None:
        self.text = subject.text
        self.any_case = _IN_ANY_CASE.fullmatch(self.text) is not None
        self.number = Decimal(self.text) if _NUMBER.fullmatch(self.text) else None
        self.spellings = _spellings(self.text)
        either = "|".join(map(re.escape, self.spellings))
        flags = re.IGNORECASE if self.any_case else re.NOFLAG
        self._wanted = self._compared(self.text)
        self._whole = re.compile(either, flags)
        self._word = re.compile(f"{_BEFORE}(?:{either}){_BEHIND}", flags)
        self.instead = BLANK if self._word.search(ERASED) else ERASED

    @property
    def pattern(self) -> str:
        """What RE2 finds in every text that holds the id, and in some that hold it inside another word."""
        return ("(?i)" if self.any_case else "") + "|".join(map(re.escape, self.spellings))

    def occurs(self, text: str) -> bool:
        """Whether a spelling of the id stands anywhere in a text, if only inside another word."""
        return self._whole.search(text) is not None

    @property
    def sought(self) -> tuple[str, ...]:
        """The spellings to look for in a text; in one of small letters where case means nothing."""
        if not self.any_case:
            return self.spellings
        return tuple(dict.fromkeys(spelling.lower() for spelling in self.spellings))

    def is_id(self, text: str) -> bool:
        """Whether a cell's text is the id and nothing else."""
        return self._whole.fullmatch(text.strip()) is not None or self._compared(text) == self._wanted

    def holds(self, text: str) -> bool:
        """Whether the id stands in a text, as the whole of it or as a word."""
        return self._word.search(text) is not None or self.is_id(text)

    def without_words(self, text: str) -> str:
        """The text with each word that is the id replaced."""
        return self._word.sub(self.instead, text)

    def left_of(self, text: str, *, is_json: bool = False) -> str | None:
        """What stays of a cell; None where it is the id and its row goes."""
        if is_json and _is_json(text):
            return self.left_of_json(text)
        return None if self.is_id(text) else self.without_words(text)

    def left_of_value(self, text: str, *, comma: bool = False) -> str | None:
        """What stays of a cell that is no text, such as a number: its row goes, or it is whole.

        `comma`: decimals stand behind one. What is in truth no value of its column is judged as text.
        """
        if self.is_id(text) or self.is_number(text.replace(",", ".") if comma else text):
            return None
        return text if _VALUE.fullmatch(text) else self.without_words(text)

    def left_of_key(
        self, text: str, *, is_value: bool = False, is_json: bool = False, comma: bool = False
    ) -> str | None:
        """What stays of a cell that names a person: all of it, unless it is the id. That of another may hold this one.

        `is_value`: of a column of numbers; `is_json`: each value in it counts; `comma`: as in `left_of_value`.
        """
        if is_value and self.is_number(text.replace(",", ".") if comma else text):
            return None
        return None if self.left_of(text, is_json=is_json) is None else text

    def left_of_json(
        self, text: str, *, times: Collection[str] | None = None, keys: Collection[str] = ()
    ) -> str | None:
        """The JSON with words replaced in its strings; None where any string, name or number in it is the id.

        `times`: the text is a record, and these of its columns hold dates or times. The names of columns stay.
        `keys`: those of its columns that name a person.
        """
        parts: list[str] = []
        done = depth = 0
        column = ""
        for token in _TOKEN.finditer(text):
            written = token[0]
            depth += (written in "{[") - (written in "}]")
            if written[0] == '"':
                quoted = written.removesuffix(token[1] or "")
                value = json.loads(quoted, strict=False)
                if times is not None and depth == 1 and token[1] is not None:
                    column = unicodedata.normalize("NFC", value)
                    continue
                left = self._left_of_string(
                    value, of_key=column in keys, of_time=depth == 1 and column in (times or ())
                )
                if left is None:
                    return None
                if left != value:
                    parts += text[done : token.start()], json.dumps(left, ensure_ascii="\\u" in quoted)
                    done = token.start() + len(quoted)
            elif written[0] not in "{}[]" and self.is_number(written):
                return None
        return "".join((*parts, text[done:]))

    def _left_of_string(self, value: str, *, of_key: bool, of_time: bool) -> str | None:
        if of_key:
            return self.left_of_key(value)
        return self.left_of_value(value) if of_time else self.left_of(value)

    def is_number(self, written: str) -> bool:
        """Whether a number as it is written is the id."""
        return written == self.text or (self.number is not None and _decimal(written.strip()) == self.number)

    def _compared(self, text: str) -> str:
        plain = normalised(text)
        return plain.casefold() if self.any_case else plain


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


def _decimal(written: str) -> Decimal | None:
    try:
        return Decimal(written)
    except ArithmeticError:
        return None


def _spellings(text: str) -> tuple[str, ...]:
    """The id as files write it: plain, composed or not, escaped as in JSON, percent-encoded, with quotes doubled."""
    found: set[str] = set()
    for form in (unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)):
        escaped = json.dumps(form)[1:-1]
        found |= {
            form,
            form.replace('"', '""'),
            json.dumps(form, ensure_ascii=False)[1:-1],
            form.replace("/", "\\/"),
            escaped,
            re.sub(r"\\u[0-9a-f]{4}", lambda code: "\\u" + code[0][2:].upper(), escaped),
        }
        for encoded in (quote(form, safe=""), quote(form, safe=_PATH_SAFE), quote_plus(form)):
            found |= {encoded, re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), encoded)}
    return tuple(sorted(found, key=lambda spelling: (-len(spelling), spelling)))
