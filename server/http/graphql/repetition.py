"""Fields that fall on one place of the answer are counted before validation compares them pair by pair."""

from collections import defaultdict
from typing import TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from server.http.graphql.limits import Limits
from server.kernel.errors import LimitExceeded

Inside: TypeAlias = frozenset[str]  # the fragments that a selection set stands in
Place: TypeAlias = list[tuple[SelectionSetNode, Inside]]  # the selection sets that merge there


def refuse_repetition(document: DocumentNode, limits: Limits) -> int:
    """Count the selections of every operation with its fragments spread out, each place of the answer once.

    Type conditions are ignored, and fragments that spread themselves are left to validation.
    Raises: LimitExceeded.
    """
    count = _Count(document, limits)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            count.below([(node.selection_set, frozenset())])
    for name, fragment in count.fragments.items():
        if name not in count.spread:
            count.below([(fragment.selection_set, frozenset({name}))])
    return count.seen


class _Count:
    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        definitions = document.definitions
        self.fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        self.limits = limits
        self.spread: set[str] = set()
        self.seen = 0

    def below(self, root: Place) -> None:
        waiting = [root]
        while waiting:
            for name, fields in self.merged(waiting.pop()).items():
                if len(fields) > self.limits.same_name:
                    raise LimitExceeded(
                        f"{len(fields)} fields of the operation answer as {name!r} in one place, "
                        f"{self.limits.same_name} are allowed; give them aliases or ask in several requests"
                    )
                place: Place = [(field.selection_set, inside) for field, inside in fields if field.selection_set]
                if place:
                    waiting.append(place)

    def merged(self, place: Place) -> dict[str, list[tuple[FieldNode, Inside]]]:
        """Collect the fields of one place by the name under which they answer, as execution would."""
        fields: dict[str, list[tuple[FieldNode, Inside]]] = defaultdict(list)
        entered: set[str] = set()
        waiting = list(place)
        while waiting:
            selection_set, inside = waiting.pop()
            for node in selection_set.selections:
                self.see()
                match node:
                    case FieldNode():
                        fields[(node.alias or node.name).value].append((node, inside))
                    case InlineFragmentNode():
                        waiting.append((node.selection_set, inside))
                    case FragmentSpreadNode():
                        name = node.name.value
                        self.spread.add(name)
                        if name in self.fragments and name not in entered | inside:
                            entered.add(name)
                            waiting.append((self.fragments[name].selection_set, inside | {name}))
                    case _:
                        raise AssertionError(f"a selection is a field or a fragment, this is {node.kind}")
        return fields

    def see(self) -> None:
        self.seen += 1
        if self.seen > self.limits.selections:
            raise LimitExceeded(
                f"the document selects more than {self.limits.selections} fields with its fragments spread out; "
                "ask in several requests"
            )
