"""The NUL character is refused at the door: Postgres cannot keep it in text and would fail late."""

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, StringValueNode, Visitor, visit

from server.kernel.errors import BadUserInput

NUL = "\0"


def refuse_nul_in_variables(variables: Mapping[str, Any]) -> None:  # any JSON
    """Raises: BadUserInput, naming the variable."""
    for name, value in variables.items():
        if _holds_nul(value):
            raise BadUserInput(f"the variable {name!r} holds the character NUL; take it out", field=name)


def refuse_nul_in_document(text: str, document: DocumentNode) -> None:
    """Raises: BadUserInput."""
    if NUL in text or "\\u" in text:  # only an escape can bring it into a string
        visit(document, _Strings())


class _Strings(Visitor):
    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        if NUL in node.value:
            line = f" in line {node.loc.start_token.line}" if node.loc else ""
            raise BadUserInput(f"a string{line} of the document holds the character NUL; take it out")


def _holds_nul(value: Any) -> bool:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text if NUL in text:
                return True
            case dict() as members:
                waiting.extend(members.keys())
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)
            case _:
                pass
    return False
