"""The interface of everything that has a URN."""

import strawberry


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    """Anything with a URN."""

    id: strawberry.ID = strawberry.field(description="The URN: readable and stable.")
