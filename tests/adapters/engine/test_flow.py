"""Streams of the engine: made ahead by a little, stopped when nobody takes them, in nobody's way."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import duckdb
import pytest

from server.adapters.engine.flow import AHEAD
from server.adapters.engine.session import STREAMS_AT_ONCE, STREAMS_WAITING, Engine
from server.kernel.errors import Unavailable

ENDLESS = "select count(*) from range(10_000_000_000_000) a where a.range % 7 = 8"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    lake = tmp_path / "lake"
    lake.mkdir()
    with Engine([lake], "256MB", 2, tmp_path / "spill") as engine:
        yield engine


class Numbers:
    """An endless producer that tells how far it is and when it was closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = threading.Event()

    def __call__(self, _: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
        try:
            while True:
                self.made += 1
                yield str(self.made).encode()
        finally:
            self.closed.set()


async def test_gives_every_piece_in_order(engine: Engine) -> None:
    pieces = [piece async for piece in engine.stream(lambda _: iter([b"a", b"", b"b"]))]
    assert pieces == [b"a", b"", b"b"]


async def test_makes_no_more_than_a_few_pieces_that_nobody_takes(engine: Engine) -> None:
    numbers = Numbers()
    async with aclosing(engine.stream(numbers)) as pieces:
        for taken in range(1, 6):
            assert await anext(pieces) == str(taken).encode()
            assert numbers.made <= taken + AHEAD + 1
    assert numbers.closed.wait(timeout=30)
    assert numbers.made <= 5 + AHEAD + 1


async def test_closing_interrupts_a_statement_that_would_never_end(engine: Engine) -> None:
    begun = threading.Event()

    def endless(cursor: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
        yield b"first"
        begun.set()
        cursor.execute(ENDLESS).fetchall()

    async with aclosing(engine.stream(endless)) as pieces:
        assert await anext(pieces) == b"first"
        await asyncio.to_thread(begun.wait, 30)
    assert await engine.run(lambda cursor: cursor.execute("select 1").fetchall(), heavy=False) == [(1,)]


async def test_an_error_comes_after_the_pieces_before_it(engine: Engine) -> None:
    def failing(cursor: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
        yield b"first"
        raise ZeroDivisionError

    pieces = engine.stream(failing)
    assert await anext(pieces) == b"first"
    with pytest.raises(ZeroDivisionError):
        await anext(pieces)


async def test_streams_that_nobody_takes_hold_up_no_read_and_the_lane_is_bounded(engine: Engine) -> None:
    streams = [engine.stream(Numbers()) for _ in range(STREAMS_AT_ONCE + STREAMS_WAITING)]
    firsts = [asyncio.ensure_future(anext(stream)) for stream in streams]
    assert await asyncio.gather(*firsts[:STREAMS_AT_ONCE]) == [b"1"] * STREAMS_AT_ONCE
    assert await engine.run(lambda cursor: cursor.execute("select 1").fetchall(), heavy=False) == [(1,)]
    with pytest.raises(Unavailable, match=f"has {len(streams)} calls in its lane for streams already"):
        await anext(engine.stream(Numbers()))
    await asyncio.gather(*(stream.aclose() for stream in streams[:STREAMS_AT_ONCE]))
    assert await asyncio.gather(*firsts[STREAMS_AT_ONCE : 2 * STREAMS_AT_ONCE]) == [b"1"] * STREAMS_AT_ONCE
    for waiting in firsts:
        waiting.cancel()
    await asyncio.gather(*firsts, return_exceptions=True)
    await asyncio.gather(*(stream.aclose() for stream in streams))


async def test_a_stream_leaves_the_line_when_no_place_comes_free(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [engine.stream(Numbers()) for _ in range(STREAMS_AT_ONCE)]
    assert [await anext(stream) for stream in streams] == [b"1"] * STREAMS_AT_ONCE
    monkeypatch.setattr("server.adapters.engine.session.PLACE_SECONDS", 0.05)
    with pytest.raises(Unavailable) as refused:
        await anext(engine.stream(Numbers()))
    assert refused.value.message == (
        f"{STREAMS_AT_ONCE} streams are being read and none has ended within 0.05 s; try again later"
    )
    assert [await anext(stream) for stream in streams] == [b"2"] * STREAMS_AT_ONCE
    await streams[0].aclose()
    patient = engine.stream(Numbers())
    assert await anext(patient) == b"1"
    for stream in (*streams, patient):
        await stream.aclose()


async def test_closing_the_engine_ends_streams_that_wait_for_their_takers(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    numbers = Numbers()
    with Engine([lake], "256MB", 2, tmp_path / "spill") as engine:
        pieces = engine.stream(numbers)
        assert await anext(pieces) == b"1"
    assert numbers.closed.wait(timeout=30)
    await pieces.aclose()
