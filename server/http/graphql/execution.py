"""Execution of operations: graphql-core's, without what its subscriptions would keep for ever."""

from typing import Any

from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class Execution(StrawberryGraphQLCoreExecutionContext):
    """Gives each message of a subscription its own memory of collected fields.

    graphql-core 3.3.1 and 3.3.2 share one memory among all messages and key it by lists made anew for each: about
    1 KB a message stays until the subscription ends.
    """

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:  # whatever the source yields
        """The executor of one message."""
        executor = super().build_per_event_executor(payload)
        executor._relevant_sub_fields = {}
        return executor
