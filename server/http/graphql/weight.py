"""What an operation costs and how deep it goes, known before it runs: one visit for each node of its document.

A field that holds an object costs 1 point, a plain value a tenth; a list multiplies what is under it by `first` or
`last`, by 10 where it has neither (a connection: 50). Of a connection only `nodes` and `edges` are multiplied.
A fragment weighs the same wherever it stands, so it is weighed once. Where only one of several object types can match,
the dearest counts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    Undefined,
    VariableNode,
    get_named_type,
    get_operation_ast,
    is_leaf_type,
    is_list_type,
    is_object_type,
)

from server.http.graphql.limits import Limits
from server.kernel.errors import LimitExceeded
from server.kernel.record import record

POINT = 10  # weights are kept in tenths of a point, so that they stay whole numbers
LIST_SIZE = 10  # rows assumed where a list takes no page size
PAGE_SIZE = 50  # rows assumed where a connection is asked for without a page size
ODD_SIZE = 500  # rows assumed where the page size is not a number
SHOWN = 2**53  # the largest cost that an answer states: whole in every JSON reader
INTROSPECTION = {"__typename": 0, "__type": 500 * POINT, "__schema": 5000 * POINT}
PRICE = "price"


def price(points: int) -> dict[str, int]:
    """Metadata of a Strawberry field whose own work is worth `points`: `strawberry.field(metadata=price(50))`."""
    return {PRICE: points}


@record
class Weight:
    """Cost in points, rounded up; depth in levels of fields; nodes of the document that were visited.

    `fixed`: no variable had a say, so that the operation weighs this much each time.
    """

    cost: int
    depth: int
    visited: int
    fixed: bool = False


class Load(NamedTuple):
    """Tenths of a point: `once`, and for `each` row of the connection around it; levels of fields."""

    once: int = 0
    each: int = 0
    depth: int = 0

    def beside(self, other: "Load") -> "Load":
        return Load(self.once + other.once, self.each + other.each, max(self.depth, other.depth))

    def dearest(self, other: "Load") -> "Load":
        return Load(max(self.once, other.once), max(self.each, other.each), max(self.depth, other.depth))


def weigh(
    schema: GraphQLSchema, document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]
) -> Weight:
    """Weigh one operation of a valid document with the variables as the client sent them."""
    operation = get_operation_ast(document, operation_name)
    root = schema.get_root_type(operation.operation) if operation else None
    if operation is None or root is None:
        return Weight(cost=0, depth=0, visited=0)
    scale = _Scale(schema, document, operation, variables)
    load = scale.selections(operation.selection_set.selections, root)
    return Weight(
        cost=min(-(-(load.once + load.each) // POINT), SHOWN),
        depth=load.depth,
        visited=scale.visited,
        fixed=not scale.asked_variables,
    )


def refuse_weight(weight: Weight, limits: Limits) -> None:
    """Raises: LimitExceeded."""
    if weight.depth > limits.depth:
        message = f"the operation is {weight.depth} levels deep, {limits.depth} are allowed; ask in several requests"
        raise LimitExceeded(message, cost=weight.cost, limit=limits.cost, depth=weight.depth, depthLimit=limits.depth)
    if weight.cost > limits.cost:
        message = f"the operation costs {weight.cost} points, {limits.cost} are allowed; ask for smaller pages"
        raise LimitExceeded(message, cost=weight.cost, limit=limits.cost, depth=weight.depth)


class _Scale:
    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self.schema = schema
        self.visited = 0
        self.asked_variables = False
        self.known: dict[str, Load] = {}
        definitions = document.definitions
        self.fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        self.variables: dict[str, Any] = {**defaults, **variables}  # what clients send is any JSON

    def selections(self, selections: Sequence[SelectionNode], parent: GraphQLNamedType) -> Load:
        shared = Load()
        by_type: dict[str, Load] = {}
        for node in selections:
            self.visited += 1
            match node:
                case FieldNode():
                    shared = shared.beside(self.field(node, parent))
                    continue
                case InlineFragmentNode():
                    on = self.schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                    load = self.selections(node.selection_set.selections, on or parent)
                case FragmentSpreadNode():
                    fragment = self.fragments[node.name.value]
                    on = self.schema.get_type(fragment.type_condition.name.value)
                    load = self.fragment(fragment, on or parent)
                case _:
                    raise AssertionError(f"a selection is a field or a fragment, this is {node.kind}")
            if on is not None and on is not parent and is_object_type(on):
                by_type[on.name] = by_type.get(on.name, Load()).beside(load)
            else:
                shared = shared.beside(load)
        dearest = Load()
        for load in by_type.values():
            dearest = dearest.dearest(load)
        return shared.beside(dearest)

    def fragment(self, fragment: FragmentDefinitionNode, on: GraphQLNamedType) -> Load:
        name = fragment.name.value
        if name not in self.known:
            self.known[name] = self.selections(fragment.selection_set.selections, on)
        return self.known[name]

    def field(self, node: FieldNode, parent: GraphQLNamedType) -> Load:
        name = node.name.value
        if name.startswith("__"):
            return Load(once=INTROSPECTION[name], depth=1)
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        field = parent.fields[name]
        named = get_named_type(field.type)
        own = _own_price(field, leaf=is_leaf_type(named))
        below = self.selections(node.selection_set.selections, named) if node.selection_set else Load()
        depth = below.depth + 1
        if _is_connection(named):
            return Load(once=own + below.once + self.page_size(node, field) * below.each, depth=depth)
        rows = 1
        if not is_leaf_type(named) and not (_is_connection(parent) and name in ("nodes", "edges")):
            rows = self.page_size(node, field)
        cost = own + rows * (below.once + below.each)
        if _is_connection(parent) and name in ("nodes", "edges"):
            return Load(each=cost, depth=depth)
        return Load(once=cost, depth=depth)

    def page_size(self, node: FieldNode, field: GraphQLField) -> int:
        """Rows to expect: `first` or `last` as given or by default, else what its type lets us assume."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        sizes = [
            self.number(given[name] if name in given else _default(field.args[name]))
            for name in ("first", "last")
            if name in field.args
        ]
        asked = [size for size in sizes if size is not None]
        if asked:
            return max(asked)
        if "ids" in given:
            return self.length(given["ids"])
        if _is_connection(get_named_type(field.type)):
            return PAGE_SIZE
        return LIST_SIZE if _is_list(field) else 1

    def length(self, value: Any) -> int:
        """How many values a list argument gives, as a literal or a variable."""
        if isinstance(value, VariableNode):
            self.asked_variables = True
            value = self.variables.get(value.name.value)
        values: object = value.values if isinstance(value, ListValueNode) else value
        return len(values) if isinstance(values, list | tuple) else 1

    def number(self, value: Any) -> int | None:
        """The whole number that a literal or a variable stands for; ODD_SIZE for what is none."""
        if isinstance(value, VariableNode):
            self.asked_variables = True
            value = self.variables.get(value.name.value)
        if isinstance(value, IntValueNode):
            value = int(value.value) if len(value.value) <= 10 else ODD_SIZE
        if value is None or isinstance(value, NullValueNode):
            return None
        return max(0, value) if isinstance(value, int) else ODD_SIZE


def _default(argument: GraphQLArgument) -> object:
    return None if argument.default_value is Undefined else argument.default_value


def _own_price(field: GraphQLField, *, leaf: bool) -> int:
    definition: object = field.extensions.get("strawberry-definition")
    metadata: Mapping[Any, Any] = getattr(definition, "metadata", None) or {}  # Strawberry's own type for it
    if PRICE in metadata:
        return int(metadata[PRICE]) * POINT
    return 1 if leaf else POINT


def _is_connection(named: GraphQLNamedType) -> bool:
    return named.name.endswith("Connection")


def _is_list(field: GraphQLField) -> bool:
    outer = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return is_list_type(outer)
