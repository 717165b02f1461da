"""What an operation selects under the field that is being resolved, so that nothing is read for nobody."""

from collections.abc import Iterator, Mapping, Sequence

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
)

from graphql_schema.context import Info


def chosen(info: Info, *path: str) -> frozenset[str]:
    """The names of the fields that may be asked for under the current field, or `path` below it.

    Fragments are looked through whatever they are on, and conditions are taken as met.
    """
    raw = info._raw_info  # pyright: ignore[reportPrivateUsage]  # what Strawberry makes of it is rebuilt each time
    sets = _below(raw.field_nodes)
    for name in path:
        sets = _below([node for node in _fields(sets, raw.fragments) if node.name.value == name])
    return frozenset(node.name.value for node in _fields(sets, raw.fragments))


def certain(info: Info, *path: str) -> frozenset[str]:
    """Of `chosen`, those that are asked for whatever the variables and the types are; perhaps not all of them."""
    sets = _below(info._raw_info.field_nodes)  # pyright: ignore[reportPrivateUsage]  # as above
    for name in path:
        sets = _below([node for node in _plain(sets) if node.name.value == name])
    return frozenset(node.name.value for node in _plain(sets))


def _plain(sets: Sequence[SelectionSetNode]) -> list[FieldNode]:
    """Fields without a condition, outside of fragments."""
    selections = (selection for each in sets for selection in each.selections)
    return [node for node in selections if isinstance(node, FieldNode) and not node.directives]


def _below(nodes: Sequence[FieldNode]) -> list[SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set is not None]


def _fields(sets: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    waiting: list[SelectionNode] = [selection for each in sets for selection in each.selections]
    while waiting:
        node = waiting.pop()
        match node:
            case FieldNode():
                yield node
            case InlineFragmentNode():
                waiting += node.selection_set.selections
            case FragmentSpreadNode():
                waiting += fragments[node.name.value].selection_set.selections
            case _:
                raise AssertionError(f"a selection is a field or a fragment, this is {node.kind}")
