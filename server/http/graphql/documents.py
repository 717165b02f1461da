"""A document is parsed, counted and validated once; each request weighs it with its own variables."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, OperationType
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types.execution import ExecutionContext

from server.http.graphql.errors import coded, refusal
from server.http.graphql.limits import Limits
from server.http.graphql.nul import refuse_nul_in_document, refuse_nul_in_variables
from server.http.graphql.repetition import refuse_repetition
from server.http.graphql.weight import Weight, refuse_weight, weigh
from server.kernel.errors import Refused
from server.kernel.record import record

ENTRY_BYTES = 1024
TREE_BYTES = 250  # for each character of text: a syntax tree takes about 200
LARGEST_SHARE = 16  # a document that would fill more than this part of the cache is not kept


@record
class Checked:
    """A document and what its check found; without errors it is valid.

    `weights`: of its operations that weigh the same whatever the variables are.
    """

    document: DocumentNode
    errors: tuple[GraphQLError, ...]
    weights: dict[str | None, Weight] = field(default_factory=dict)


class DocumentCache:
    """Checked documents by their text, the least recently used dropped first. For one schema."""

    def __init__(self, limits: Limits) -> None:
        self.entries = limits.cached_documents
        self.bytes = limits.cached_bytes
        self.held_bytes = 0
        self._checked: OrderedDict[str, Checked] = OrderedDict()

    def __len__(self) -> int:
        return len(self._checked)

    def get(self, text: str) -> Checked | None:
        checked = self._checked.get(text)
        if checked is not None:
            self._checked.move_to_end(text)
        return checked

    def keep(self, text: str, checked: Checked) -> None:
        size = _size(text)
        if size * LARGEST_SHARE > self.bytes or text in self._checked or _tells(text, checked.document):
            return
        self._checked[text] = checked
        self.held_bytes += size
        while len(self._checked) > self.entries or self.held_bytes > self.bytes:
            dropped, _ = self._checked.popitem(last=False)
            self.held_bytes -= _size(dropped)


def _size(text: str) -> int:
    return ENTRY_BYTES + TREE_BYTES * len(text)


def _tells(text: str, document: DocumentNode) -> bool:
    """Whether it holds texts to be recorded, such as the id of somebody to be erased: that is not kept."""
    return '"' in text and any(
        isinstance(node, OperationDefinitionNode) and node.operation is OperationType.MUTATION
        for node in document.definitions
    )


class Documents(SchemaExtension):
    """Takes documents from the cache and refuses operations that are too large before they run."""

    def __init__(self, cache: DocumentCache, limits: Limits, **_: Any) -> None:  # Strawberry's own keywords
        self.cache = cache
        self.limits = limits
        self.known: Checked | None = None
        self.weight: Weight | None = None

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = self.limits.tokens
        yield

    def on_parse(self) -> Iterator[None]:
        self.known = self.cache.get(self.execution_context.query or "")
        if self.known is not None:
            self.execution_context.graphql_document = self.known.document
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document is not None
        checked = self.known
        if checked is None:
            checked = Checked(document=context.graphql_document, errors=_check(context, self.limits))
            self.cache.keep(context.query or "", checked)
        context.pre_execution_errors = list(checked.errors) or self._refused(context, checked)
        yield

    def get_results(self) -> dict[str, Any]:  # any JSON, as Strawberry types it
        if self.weight is None:
            return {}
        return {"cost": {"cost": self.weight.cost, "limit": self.limits.cost, "depth": self.weight.depth}}

    def _refused(self, context: ExecutionContext, checked: Checked) -> list[GraphQLError]:
        document = checked.document
        variables = context.variables or {}
        named = context._provided_operation_name  # pyright: ignore[reportPrivateUsage]  # `operation_name` guesses
        operations = sum(isinstance(node, OperationDefinitionNode) for node in document.definitions)
        if named is None and operations > 1:
            message = f"the document holds {operations} operations; name the one to run in `operationName`"
            return [coded(GraphQLError(message), "GRAPHQL_VALIDATION_FAILED")]
        try:
            refuse_nul_in_variables(variables)
            self.weight = checked.weights.get(named) or weigh(
                context.schema._schema,  # pyright: ignore[reportPrivateUsage]
                document,
                named,
                variables,
            )
            if self.weight.fixed:
                checked.weights[named] = self.weight
            refuse_weight(self.weight, self.limits)
        except Refused as refused:
            return [refusal(refused)]
        return []


def _check(context: ExecutionContext, limits: Limits) -> tuple[GraphQLError, ...]:
    document = context.graphql_document
    assert document is not None
    try:
        refuse_nul_in_document(context.query or "", document)
        refuse_repetition(document, limits)
    except Refused as refused:
        return (refusal(refused),)
    schema = context.schema._schema  # pyright: ignore[reportPrivateUsage]  # graphql-core's schema has no public name
    errors = validate_document(schema, document, context.validation_rules)
    return tuple(coded(error, "GRAPHQL_VALIDATION_FAILED") for error in errors)
