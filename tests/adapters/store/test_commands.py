"""Commands: decided again when somebody was faster, answered once for each key."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from server.adapters.store.append import StreamCheck
from server.adapters.store.commands import Decision, Receipt, decide
from server.kernel.errors import AlreadyExists, Conflict, NotFound
from server.kernel.ids import Urn
from server.kernel.intent import Intent
from tests.adapters.store.opened import Store, append, asked
from tests.adapters.store.shelf import SHELVES, BookPut, Burnt, Command, Made, Make, Put

A, B = Urn("shelf:a"), Urn("shelf:b")


async def do(store: Store, command: Command, intent: Intent | None = None, stream: Urn = A, **more: int) -> Receipt:
    return await store.commands.execute(SHELVES, stream, command, intent or asked(), expected=more.get("expected"))


async def types(store: Store) -> list[str]:
    return [row["type"] for row in await store.pool.fetch("select type from events order by position")]


def overtaken(store: Store, times: int, tried: list[int]) -> Callable[[], Awaitable[Decision]]:
    """An attempt to put a book, whose first `times` decisions are out of date when they are submitted."""

    async def attempt() -> Decision:
        loaded = await store.commands.load(SHELVES, A)
        decision = decide(SHELVES, A, loaded, Put(titles=("Emma",)))
        tried.append(loaded.version)
        if len(tried) <= times:
            await store.writer.submit(append(A, BookPut(title="Ulysses", books=len(tried))))
        return decision

    return attempt


async def test_decides_again_when_the_stream_moved(store: Store) -> None:
    await do(store, Make(name="a"))
    tried: list[int] = []
    receipt = await store.commands.perform(asked(), overtaken(store, 2, tried))
    assert tried == [1, 2, 3]
    assert receipt == Receipt(first=4, last=4, position=4)
    loaded = await store.commands.load(SHELVES, A)
    assert loaded.state is not None
    assert loaded.state.titles == ("Ulysses", "Ulysses", "Emma")


async def test_gives_up_after_five_tries(store: Store) -> None:
    await do(store, Make(name="a"))
    tried: list[int] = []
    with pytest.raises(Conflict, match=r"^shelf:a changed 5 times while this was decided; try again$"):
        await store.commands.perform(asked(), overtaken(store, 9, tried))
    assert len(tried) == 5
    assert await types(store) == ["Made", *["BookPut"] * 5]


@pytest.mark.parametrize(("tries", "times"), [(1, 0), (2, 1), (9, 8)])
async def test_tries_as_often_as_is_asked_for(store: Store, tries: int, times: int) -> None:
    await do(store, Make(name="a"))
    tried: list[int] = []
    receipt = await store.commands.perform(asked(), overtaken(store, times, tried), tries=tries)
    assert tried == list(range(1, tries + 1))
    assert receipt == Receipt(first=tries + 1, last=tries + 1, position=tries + 1)
    assert await types(store) == ["Made", *["BookPut"] * tries]


@pytest.mark.parametrize("tries", [1, 2, 9])
async def test_gives_up_after_the_tries_that_are_asked_for(store: Store, tries: int) -> None:
    await do(store, Make(name="a"))
    tried: list[int] = []
    with pytest.raises(Conflict, match=rf"^shelf:a changed {tries} times while this was decided; try again$"):
        await store.commands.perform(asked(), overtaken(store, tries, tried), tries=tries)
    assert len(tried) == tries
    assert await types(store) == ["Made", *["BookPut"] * tries]


async def test_takes_an_expected_version_only_if_the_stream_stands_there(store: Store) -> None:
    await do(store, Make(name="a"))
    receipt = await do(store, Put(titles=("Emma", "Persuasion")), expected=1)
    assert receipt == Receipt(first=2, last=3, position=3)
    with pytest.raises(Conflict) as refused:
        await do(store, Put(titles=("Ulysses",)), expected=1)
    assert refused.value.message == "'shelf:a' stands at revision 3, not 1; read it again and decide anew"
    assert (refused.value.field, refused.value.details) == ("expectedVersion", {"revision": 3})
    assert await types(store) == ["Made", "BookPut", "BookPut"]


async def test_an_expected_version_of_an_unknown_stream_is_refused_as_unknown(store: Store) -> None:
    with pytest.raises(NotFound):
        await do(store, Put(titles=("Emma",)), expected=3)


async def test_one_of_64_commands_on_one_expected_version_wins(store: Store) -> None:
    await do(store, Make(name="a"))
    results = await asyncio.gather(
        *(do(store, Put(titles=(f"{n}",)), expected=1) for n in range(64)), return_exceptions=True
    )
    assert sum(isinstance(result, Receipt) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 63
    assert await types(store) == ["Made", "BookPut"]


async def test_commands_on_one_stream_lose_no_change(store: Store) -> None:
    await do(store, Make(name="a"))
    results = await asyncio.gather(*(do(store, Put(titles=(f"{n}",))) for n in range(24)), return_exceptions=True)
    kept = [f"{n}" for n, result in enumerate(results) if isinstance(result, Receipt)]
    assert {type(result) for result in results} <= {Receipt, Conflict}
    loaded = await store.commands.load(SHELVES, A)
    assert loaded.state is not None
    assert sorted(loaded.state.titles) == sorted(kept)
    assert len(kept) >= 1


async def test_answers_a_repeated_create_with_the_first_answer(store: Store) -> None:
    first = await do(store, Make(name="a"), asked("k"))
    await do(store, Put(titles=("Emma",)))
    assert await do(store, Make(name="a"), asked("k")) == first == Receipt(first=1, last=1, position=1)
    with pytest.raises(AlreadyExists):
        await do(store, Make(name="a"), asked("other"))
    with pytest.raises(AlreadyExists):
        await do(store, Make(name="a"))
    assert await types(store) == ["Made", "BookPut"]


async def test_refuses_a_key_that_was_used_for_another_input(store: Store) -> None:
    await do(store, Make(name="a"), asked("k"))
    with pytest.raises(Conflict) as refused:
        await do(store, Make(name="b"), asked("k", digest=b"other"), B)
    assert refused.value.message == ("idempotency key 'k' was used for another input; take a new key for a new command")
    assert refused.value.field == "idempotencyKey"
    assert await types(store) == ["Made"]


async def test_keys_of_two_principals_are_strangers(store: Store) -> None:
    await do(store, Make(name="a"), asked("k"))
    receipt = await do(store, Make(name="b"), asked("k", actor="bob", digest=b"other"), B)
    assert receipt.first == 2


async def test_answers_with_the_twin_that_committed_meanwhile(store: Store) -> None:
    async def attempt() -> Decision:
        await do(store, Make(name="a"), asked("k"))
        raise AlreadyExists("shelf 'a' exists")

    assert await store.commands.perform(asked("k"), attempt) == Receipt(first=1, last=1, position=1)


async def test_records_a_key_once_however_often_it_comes_at_once(store: Store) -> None:
    receipts = await asyncio.gather(*(do(store, Make(name="a"), asked("k")) for _ in range(50)))
    assert set(map(repr, receipts)) == {repr(Receipt(first=1, last=1, position=1))}
    assert await types(store) == ["Made"]


async def test_one_of_two_inputs_under_one_key_wins_when_they_come_at_once(store: Store) -> None:
    results = await asyncio.gather(
        do(store, Make(name="a"), asked("k", digest=b"one")),
        do(store, Make(name="b"), asked("k", digest=b"other"), B),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Receipt"]
    assert await types(store) == ["Made"]


async def test_a_key_of_a_run_stands_for_the_run_and_its_input(store: Store) -> None:
    intent = asked("k")
    await do(store, Make(name="b"), stream=B)
    await store.pool.execute(
        "insert into process_run (id, kind, status, actor, correlation_id, command_key, input_digest, payload)"
        " values ($1, 'APPEND', 'QUEUED', 'ann', 'c-1', $2, $3, '{}')",
        uuid4(),
        intent.key,
        intent.digest,
    )
    assert await do(store, Make(name="a"), intent) == Receipt(first=None, last=None, position=1)
    with pytest.raises(Conflict):
        await do(store, Make(name="a"), asked("k", digest=b"other"))
    assert await types(store) == ["Made"]


async def test_a_command_without_events_is_answered_at_the_head_and_keeps_its_key(store: Store) -> None:
    await do(store, Make(name="a"))
    assert await do(store, Put(titles=()), asked("k")) == Receipt(first=None, last=None, position=1)
    with pytest.raises(Conflict):
        await do(store, Put(titles=("Emma",)), asked("k", digest=b"other"))
    assert await types(store) == ["Made"]


async def test_a_refusal_records_nothing_and_leaves_its_key_free(store: Store) -> None:
    with pytest.raises(NotFound):
        await do(store, Put(titles=("Emma",)), asked("k"))
    assert (await do(store, Make(name="a"), asked("k", digest=b"other"))).first == 1


@pytest.mark.parametrize("command", [Make(name="A"), Put(titles=("Emma",))])
async def test_another_spelling_of_a_name_is_taken_for_creation_and_unknown_otherwise(
    store: Store, command: Command
) -> None:
    await do(store, Make(name="a"))
    with pytest.raises(AlreadyExists if isinstance(command, Make) else NotFound) as refused:
        await do(store, command, stream=Urn("shelf:A"))
    if isinstance(command, Make):
        assert refused.value.message == "'shelf:A' differs from 'shelf:a' only by case; choose another name"
    assert await types(store) == ["Made"]


async def test_two_spellings_of_a_name_that_come_at_once_give_one_stream(store: Store) -> None:
    results = await asyncio.gather(
        *(do(store, Make(name=name), stream=Urn(f"shelf:{name}")) for name in ("sales", "SALES", "Sales")),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Receipt) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 2


@pytest.mark.parametrize("version", [2, -1])
async def test_a_guard_that_holds_lets_the_command_through(store: Store, version: int) -> None:
    await store.writer.submit(append(B, Made(name="b"), Burnt()))
    guards = [StreamCheck(stream=B, version=version)]
    receipt = await store.commands.execute(SHELVES, A, Make(name="a"), asked(), guards=guards)
    assert receipt.first == 3


@pytest.mark.parametrize("version", [1, 0])
async def test_a_guard_that_fails_refuses_the_command(store: Store, version: int) -> None:
    await store.writer.submit(append(B, Made(name="b"), Burnt()))
    guards = [StreamCheck(stream=B, version=version)]
    with pytest.raises(Conflict, match=r"^shelf:b changed "):
        await store.commands.execute(SHELVES, A, Make(name="a"), asked(), guards=guards)
    assert await types(store) == ["Made", "Burnt"]


async def test_writes_who_asked_and_what_it_is_about_beside_each_event(store: Store) -> None:
    await store.commands.execute(SHELVES, A, Make(name="a"), asked("k"), about=(B, Urn("name:a")))
    (event,) = await store.log.between(1, 1)
    assert (event.stream, event.version, event.type, event.data) == (A, 1, "Made", {"name": "a"})
    assert (event.actor, event.correlation_id, event.meta["key"], event.meta["shape"]) == ("ann", "c-1", "ann|k", 1)
    assert event.about == ["name:a", "shelf:b"]
