"""The verifier on a real log, untouched and as its database administrator left it."""

import json
from dataclasses import asdict

import pytest

from server.verification import reading
from server.verification.finding import Problem, Unreadable
from server.verification.verify import Question, verify
from tests.verification.conftest import COUNT, Evidence

REHASH = """
do $$
declare e events; previous bytea;
begin
  select hash into previous from events where position < {0} order by position desc limit 1;
  previous := coalesce(previous, decode(repeat('00', 32), 'hex'));
  for e in select * from events where position >= {0} order by position loop
    previous := event_hash(previous, e.position, e.stream, e.version, e.type, e.recorded_at, e.data, e.meta);
    update events set hash = previous where position = e.position;
  end loop;
  update event_head set hash = previous, position = (select max(position) from events);
end $$"""
SWAP = """
with five as (select * from events where position = 5), six as (select * from events where position = 6)
update events e set data = case e.position when 5 then six.data else five.data end
from five, six where e.position in (5, 6)"""
CUT = "delete from events where position > {0}"
HEAD = """
update event_head h set position = e.position, hash = e.hash, recorded_at = e.recorded_at
  from (select * from events order by position desc limit 1) e"""
FLIP = "update events set data = jsonb_set(data, '{{books}}', '-1') where position = {0}"
DROP_KEY = "alter table events drop constraint events_pkey"

# What is done to the log by who can write it, and the first bad position that is told.
TAMPERED: dict[str, tuple[tuple[str, ...], int]] = {
    "a flipped value": ((FLIP.format(5),), 5),
    "a flipped value behind the last checkpoint": ((FLIP.format(33),), 33),
    "another actor": (("""update events set meta = jsonb_set(meta, '{actor}', '"bob"') where position = 7""",), 7),
    "another instant": (("update events set recorded_at = recorded_at + '1 us' where position = 9",), 9),
    "another stream": (("update events set stream = 'dataset:c' where position = 9",), 9),
    "another case of the stream": (("update events set stream = 'dataset:a' where position = 8",), 8),
    "another version": (("update events set version = 99 where position = 12",), 12),
    "nothing in place of data": (
        ("alter table events alter data drop not null", "update events set data = null where position = 4"),
        4,
    ),
    "an instant beyond every calendar": (("update events set recorded_at = 'infinity' where position = 6",), 6),
    "a deleted event": (("delete from events where position = 14",), 14),
    "an event twice": (
        (DROP_KEY, "drop index events_stream_version", "insert into events select * from events where position = 5"),
        5,
    ),
    "an event beyond the head": (
        (
            "insert into events select 36, 'dataset:z', 1, type, data, meta, recorded_at, hash from events"
            " where position = 35",
        ),
        36,
    ),
    "an event far beyond the head": (
        (
            "insert into events select 9000000000000000000, 'dataset:z', 1, type, data, meta, recorded_at, hash"
            " from events where position = 35",
        ),
        36,
    ),
    "swapped events": ((SWAP,), 5),
    "a cut end": ((CUT.format(33),), 34),
    "a cut end and a head that agrees": ((CUT.format(25), HEAD), 26),
    "an edit and new hashes behind it": ((FLIP.format(15), REHASH.format(15)), 11),
    "an edit of the first event and new hashes behind it": ((FLIP.format(1), REHASH.format(1)), 1),
    "a deletion, new numbers and new hashes": (
        (
            "delete from events where position = 15",
            "update events set position = -(position - 1) where position > 15",
            "update events set position = -position where position < 0",
            "update events set version = -(version - 1) where stream = 'dataset:b' and position >= 15",
            "update events set version = -version where version < 0",
            REHASH.format(15),
        ),
        11,
    ),
    "the hash in the head": (("update event_head set hash = sha256(hash)",), 35),
    "the position in the head": (("update event_head set position = 34",), 35),
    "a head far ahead": (("update event_head set position = 8000000000000000000",), 36),
    "everything cut": (("delete from events",), 1),
    "an older recording behind a newer one": (
        (
            "update events set recorded_at = '2001-01-01' where position = 35",
            REHASH.format(35),
        ),
        35,
    ),
}


async def test_an_untouched_log_is_intact_and_proven_up_to_its_last_checkpoint(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = await evidence.value("select encode(hash, 'hex') from event_head")
    for chunk in (10_000, 7, 1):
        monkeypatch.setattr(reading, "CHUNK", chunk)
        assert (await evidence.verified()).json == {
            "intact": True,
            "events": COUNT,
            "end": COUNT,
            "head": head,
            "firstBadPosition": None,
            "problems": [],
            "moreProblems": 0,
            "provenTo": 30,
            "checkpoints": 3,
            "unproven": 5,
            "keys": [evidence.key.public_key],
            "keyGiven": False,
            "notes": [],
        }


@pytest.mark.parametrize(("statements", "first"), TAMPERED.values(), ids=TAMPERED)
async def test_names_the_first_bad_position(evidence: Evidence, statements: tuple[str, ...], first: int) -> None:
    await evidence.tamper(*statements)
    found = await evidence.verified()
    assert not found.intact
    assert found.findings.first_bad == first
    assert found.proof is not None
    assert found.proof.position < first


async def test_names_the_span_in_which_rehashed_events_were_changed(evidence: Evidence) -> None:
    await evidence.tamper(FLIP.format(15), REHASH.format(15))
    found = await evidence.verified()
    assert [asdict(problem) for problem in found.findings.problems] == [
        {
            "what": "what stands at positions 11 to 20 is not what the checkpoint of position 20 signed",
            "first": 11,
            "last": 20,
        }
    ]
    assert found.findings.notes == ["1 later checkpoints do not fit either"]
    assert found.proof is not None
    assert (found.proof.position, found.proof.checkpoints) == (10, 1)


async def test_without_checkpoints_rehashed_events_pass_and_the_report_says_that_nothing_is_proven(
    evidence: Evidence,
) -> None:
    await evidence.tamper(FLIP.format(15), REHASH.format(15), "delete from checkpoint")
    found = await verify(Question(dsn=evidence.dsn))
    assert found.intact
    assert found.proof is None
    assert list(found.lines())[1] == (
        "no checkpoint vouches for it: the chain alone proves nothing against who can write the database"
    )


@pytest.mark.parametrize("key", ["AAAA", "no base64", ""])
async def test_a_key_that_is_none_is_told_and_nothing_is_verified(evidence: Evidence, key: str) -> None:
    with pytest.raises(Unreadable) as told:
        await verify(Question(dsn=evidence.dsn, places=(evidence.file,), keys=(evidence.key.public_key, key)))
    assert str(told.value) == f"{key!r} is no public key: give the base64 of 32 bytes, as checkpoints show it"


async def test_an_end_cut_behind_the_last_checkpoint_is_the_limit(evidence: Evidence) -> None:
    await evidence.tamper(CUT.format(30), HEAD)
    found = await evidence.verified()
    assert found.intact
    assert (found.end, found.unproven) == (30, 0)


async def test_a_cut_end_with_every_copy_cut_is_the_limit(evidence: Evidence) -> None:
    await evidence.tamper(CUT.format(25), HEAD, "delete from checkpoint where position > 25")
    lines = evidence.file.read_bytes().splitlines(keepends=True)
    evidence.file.write_bytes(b"".join(lines[:2]))
    assert (await evidence.verified(evidence.folder)).intact
    assert (await evidence.verified()).findings.first_bad == 26


async def test_recomputes_hashes_itself_when_the_database_s_function_was_replaced(evidence: Evidence) -> None:
    await evidence.tamper(
        "create or replace function event_hash(previous bytea, pos bigint, stream text, version int, type text,"
        " at timestamptz, data jsonb, meta jsonb) returns bytea language sql immutable"
        " as $$ select sha256(previous || '\\x00') $$",
        REHASH.format(1),
    )
    found = await evidence.verified()
    assert found.findings.first_bad == 1
    assert found.findings.untold == 0
    told = "what stands at positions 1 to 10 is not what the checkpoint of position 10 signed"
    assert [problem.what for problem in found.findings.problems] == [
        *(f"position {position} is not what was recorded" for position in range(1, COUNT + 1)),
        told,
    ]


async def test_begins_behind_a_position(evidence: Evidence) -> None:
    assert (await evidence.verified(after=12)).json["events"] == COUNT - 12
    await evidence.tamper(FLIP.format(12))
    assert (await evidence.verified(after=12)).intact
    assert (await evidence.verified(after=11)).findings.problems == [
        Problem(what="position 12 is not what was recorded", first=12, last=12)
    ]
    with pytest.raises(Unreadable, match="position 99 is none of the log"):
        await evidence.verified(after=99)


async def test_tells_a_view_in_place_of_the_table_and_a_trigger_that_is_off(evidence: Evidence) -> None:
    await evidence.tamper()
    await evidence.value("alter table events rename to kept")
    await evidence.value("create view events as select * from kept")
    found = await evidence.verified()
    assert [problem.what for problem in found.findings.problems] == [
        "the events are no plain table: what is read may not be what is kept"
    ]
    assert found.findings.notes == ["the trigger that refuses changes of events is off or gone"]


async def test_a_long_list_of_problems_is_counted(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.verification.finding.MOST", 2)
    await evidence.tamper("update events set type = 'Burnt'")
    found = await evidence.verified()
    assert (len(found.findings.problems), found.findings.untold) == (2, COUNT - 2)
    assert "- and 33 more" in found.lines()


async def test_a_database_without_a_log_cannot_be_verified(database_url: str) -> None:
    with pytest.raises(Unreadable, match="holds no log"):
        await verify(Question(dsn=database_url))
    with pytest.raises(Unreadable, match="does not answer"):
        await verify(Question(dsn="postgresql://nobody@127.0.0.1:1/none"))


async def test_the_json_is_json(evidence: Evidence) -> None:
    await evidence.tamper(FLIP.format(5))
    report = (await evidence.verified()).json
    assert json.loads(json.dumps(report)) == report
