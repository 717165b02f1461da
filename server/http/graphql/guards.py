"""The extensions that every schema served here takes."""

from collections.abc import Callable
from functools import partial

from strawberry.extensions import SchemaExtension

from server.http.graphql.deadline import Deadlines
from server.http.graphql.documents import DocumentCache, Documents
from server.http.graphql.limits import Limits


def guards(limits: Limits) -> list[Callable[[], SchemaExtension]]:
    """Make the extensions of one schema: `Schema(..., extensions=guards(limits))`. They share a document cache."""
    return [partial(Documents, DocumentCache(limits), limits), partial(Deadlines, limits)]
