"""The graph: thin types and resolvers over the slices.

Lakes come first: what other slices say of a lake stands in classes that it inherits, and their modules know the lake.
"""

from graphql_schema import lake

__all__ = ["lake"]
