"""Execution of operations: graphql-core's, without what its subscriptions would keep for ever."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from graphql import GraphQLOutputType, GraphQLResolveInfo, get_named_type, is_leaf_type
from graphql.execution import Executor
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from server.kernel.errors import LimitExceeded

MAX_LISTED = 50_000  # items of all lists in one answer; more would hold up everybody else for seconds
BREATH = 100  # items of a list that are completed before everybody else has a turn


class Execution(StrawberryGraphQLCoreExecutionContext):
    """Bounds the items that one answer lists, whatever they were expected to be, and takes pauses in long lists.

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
            refuse_listing(self.listed)
            if len(items) > BREATH and not is_leaf_type(get_named_type(item_type)):
                return self.complete_async_iterator_value(
                    item_type, field_details_list, info, path, _with_pauses(items), position_context
                )
        return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)


def refuse_listing(listed: int) -> None:
    """Raises: LimitExceeded, for more items than one answer may list."""
    if listed > MAX_LISTED:
        raise LimitExceeded(f"the answer lists more than {MAX_LISTED} items; ask for smaller pages")


async def _with_pauses(items: Sequence[Any]) -> AsyncGenerator[Any]:  # whatever a resolver listed
    """The items. What is awaited for them is still awaited together, at the end."""
    for number, item in enumerate(items, 1):
        yield item
        if number % BREATH == 0:
            await asyncio.sleep(0)
