"""A long subscription keeps nothing of the messages that it has sent."""

import gc
import tracemalloc
from collections.abc import AsyncGenerator

import pytest
import strawberry
from strawberry.dataloader import DataLoader

from server.http.graphql import execution
from server.http.graphql.execution import Execution

WARM, SENT = 500, 5_500


@strawberry.type
class Reading:
    """A message."""

    number: int
    text: str


@strawberry.type
class Query:
    """A schema has one."""

    number: int = 1


@strawberry.type
class Subscription:
    """Readings without end."""

    @strawberry.subscription
    async def readings(self) -> AsyncGenerator[Reading, None]:
        for number in range(SENT):
            yield Reading(number=number, text="x")


async def test_keeps_nothing_of_the_messages_sent() -> None:
    schema = strawberry.Schema(query=Query, subscription=Subscription, execution_context_class=Execution)
    stream = await schema.subscribe("subscription { readings { number text } }")
    seen = grown = 0
    async for result in stream:
        assert result.data == {"readings": {"number": seen, "text": "x"}}
        seen += 1
        if seen == WARM:
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
        if seen == SENT:
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
    assert seen == SENT
    assert grown / (SENT - WARM) < 100  # bytes a message; without the cure it is over 1,000


@strawberry.type
class Shelves:
    """Lists within lists."""

    @strawberry.field
    def shelves(self) -> list["Shelf"]:
        return [Shelf() for _ in range(4)]


@strawberry.type
class Shelf:
    """Three titles."""

    @strawberry.field
    def titles(self) -> list[str]:
        return ["a", "b", "c"]


@pytest.mark.parametrize(("most", "refused"), [(16, False), (15, True)])
async def test_bounds_the_items_of_all_lists_of_an_answer(
    monkeypatch: pytest.MonkeyPatch, most: int, refused: bool
) -> None:
    monkeypatch.setattr(execution, "MAX_LISTED", most)
    schema = strawberry.Schema(query=Shelves, execution_context_class=Execution)
    result = await schema.execute("{ shelves { titles } }")
    if refused:
        assert result.data is None
        assert [error.extensions["code"] for error in result.errors or []] == ["LIMIT_EXCEEDED"]
    else:
        assert (result.data, result.errors) == ({"shelves": [{"titles": ["a", "b", "c"]}] * 4}, None)


@strawberry.type
class Page:
    """A page of a long book."""

    number: int

    @strawberry.field
    async def text(self) -> str:
        """Loaded with those of all other pages."""
        return await LOADED.load(self.number)


@strawberry.type
class Book:
    """A long book."""

    @strawberry.field
    def pages(self) -> list[Page]:
        """More than are listed at once."""
        return [Page(number=number) for number in range(10)]


async def loaded(numbers: list[int]) -> list[str]:
    TOGETHER.append(len(numbers))
    return [f"page {number}" for number in numbers]


LOADED: DataLoader[int, str] = DataLoader(loaded)
TOGETHER: list[int] = []


async def test_a_long_list_takes_pauses_and_is_still_loaded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "BREATH", 3)
    pauses = 0

    async def pause(_seconds: float) -> None:
        nonlocal pauses
        pauses += 1

    monkeypatch.setattr(execution.asyncio, "sleep", pause)
    schema = strawberry.Schema(query=Book, execution_context_class=Execution)
    result = await schema.execute("{ pages { number text } }")
    assert result.data == {"pages": [{"number": number, "text": f"page {number}"} for number in range(10)]}
    assert (pauses, TOGETHER) == (3, [10])
