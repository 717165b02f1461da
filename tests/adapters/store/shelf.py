"""A small aggregate to try the store with: a shelf is made, books are put on it, and it is burnt with them."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias, assert_never

from sqlalchemy import Column, Integer, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.intervals import Change, Close, Interval, Open, Write, current_index
from server.kernel.codec import Codec
from server.kernel.decider import Decider
from server.kernel.errors import AlreadyExists, NotFound
from server.kernel.ids import Kind, Urn
from server.kernel.record import record
from server.kernel.recorded import Recorded


@record
class Make:
    name: str


@record
class Put:
    """Put these books on the shelf. None: nothing is recorded."""

    titles: tuple[str, ...]


@record
class Burn:
    pass


Command: TypeAlias = Make | Put | Burn


@record
class Made:
    name: str


@record
class BookPut:
    """`books`: how many stand there now."""

    title: str
    books: int


@record
class Burnt:
    pass


@record
class Cursed:
    """An event that its projection cannot bear."""


Event: TypeAlias = Made | BookPut | Burnt | Cursed


@record
class Shelf:
    name: str
    titles: tuple[str, ...] = ()


State: TypeAlias = Shelf | None


def decide(command: Command, state: State) -> Sequence[Event]:
    match command:
        case Make(name=name):
            if state is not None:
                raise AlreadyExists(f"shelf {name!r} exists")
            return [Made(name=name)]
        case Put(titles=titles):
            if state is None:
                raise NotFound("there is no such shelf")
            before = len(state.titles)
            return [BookPut(title=title, books=before + number) for number, title in enumerate(titles, 1)]
        case Burn():
            if state is None:
                raise NotFound("there is no such shelf")
            return [Burnt()]
        case _:
            assert_never(command)


def evolve(state: State, event: Event) -> State:
    match event:
        case Made(name=name):
            return Shelf(name=name)
        case BookPut(title=title):
            assert state is not None
            return Shelf(name=state.name, titles=(*state.titles, title))
        case Burnt():
            return None
        case Cursed():
            return state
        case _:
            assert_never(event)


def about(state: State) -> tuple[Urn, ...]:
    return (Urn(f"name:{state.name}"),) if state is not None else ()


class ShelfRow(Interval, table=True):
    """`newest`: the book put last, as {"title"}."""

    __tablename__ = "shelf"
    __table_args__ = (current_index("shelf"),)
    metadata: ClassVar[MetaData] = MetaData()  # no table of the server

    name: str = Field(sa_column=Column(Text, nullable=False))
    books: int = Field(sa_column=Column(Integer, nullable=False))
    newest: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True), nullable=True))


def project(recorded: Recorded[Event]) -> Sequence[Write]:
    event = recorded.event
    match event:
        case Made(name=name):
            return [Open(table=ShelfRow, id=recorded.stream, values={"name": name, "books": 0, "newest": None})]
        case BookPut(title=title, books=books):
            values = {"books": books, "newest": {"title": title}}
            return [Change(table=ShelfRow, id=recorded.stream, values=values)]
        case Burnt():
            return [Close(table=ShelfRow, id=recorded.stream)]
        case Cursed():
            raise ArithmeticError("a curse")
        case _:
            assert_never(event)


EVENTS = (Made, BookPut, Burnt, Cursed)
CODEC = Codec(EVENTS)
PROJECTIONS = dict.fromkeys(EVENTS, project)
SHELF: Decider[Command, Event, State] = Decider(initial=None, decide=decide, evolve=evolve, about=about)
SHELVES = Aggregate(Kind.DATASET, SHELF, State)
