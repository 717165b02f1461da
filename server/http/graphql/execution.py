"""Execution of operations: graphql-core's, without what its subscriptions would keep for ever."""

from collections.abc import Iterable
from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.execution import Executor
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from server.kernel.errors import LimitExceeded

MAX_LISTED = 50_000  # items of all lists in one answer; more would hold up everybody else for seconds


class Execution(StrawberryGraphQLCoreExecutionContext):
    """Bounds the items that one answer lists, whatever they were expected to be.

    And gives each message of a subscription its own memory of collected fields.
    graphql-core 3.3.1 and 3.3.2 share one memory among all messages and key it by lists made anew for each: about
    1 KB a message stays until the subscription ends.
    """

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:  # whatever the source yields
        """The executor of one message."""
        executor = super().build_per_event_executor(payload)
        executor._relevant_sub_fields = {}
        return executor

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:  # as in the base
        """The items of one list. Raises: LimitExceeded."""
        if isinstance(items, list | tuple):
            self.listed = getattr(self, "listed", 0) + len(items)
            if self.listed > MAX_LISTED:
                raise LimitExceeded(f"the answer lists more than {MAX_LISTED} items; ask for smaller pages")
        return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)
