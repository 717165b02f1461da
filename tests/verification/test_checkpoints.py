"""Checkpoints that were dropped, changed or forged, in each of the places where they stand."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.adapters.checkpoints.file import CheckpointFile
from server.adapters.checkpoints.rotation import rotate
from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.checkpoints.statement import sign_checkpoint
from server.verification.finding import Unreadable
from server.verification.report import Report
from tests.verification.conftest import Evidence

Lines = list[dict[str, Any]]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
FILE, TABLE, LOOSE = "checkpoints/checkpoints.ndjson", "the database's table", "the folder _checkpoints"


def problems(report: Report) -> list[str]:
    return [problem.what for problem in report.findings.problems]


def lines_of(evidence: Evidence) -> Lines:
    return [json.loads(line) for line in evidence.file.read_bytes().splitlines()]


def chained(lines: Lines) -> bytes:
    """The lines as a file, each with the digest of the one before it."""
    written, previous = b"", ""
    for line in lines:
        text = json.dumps({**line, "previous": previous}, separators=(",", ":")).encode()
        written, previous = written + text + b"\n", hashlib.sha256(text).hexdigest()
    return written


async def test_a_line_dropped_from_the_middle_is_told(evidence: Evidence) -> None:
    lines = evidence.file.read_bytes().splitlines(keepends=True)
    evidence.file.write_bytes(lines[0] + lines[2])
    found = await evidence.verified()
    assert problems(found) == [
        f"line 2 of {FILE} does not follow the line before it: one was removed, added or changed",
        f"the checkpoint of position 20 stands in {TABLE} and not in {FILE}",
        f"the checkpoint of position 20 stands in {LOOSE} and not in {FILE}",
    ]
    assert found.findings.first_bad is None
    assert next(found.lines()).startswith("intact: 35 events, head ")


async def test_a_line_dropped_with_new_digests_behind_it_is_told_by_the_others(evidence: Evidence) -> None:
    lines = lines_of(evidence)
    evidence.file.write_bytes(chained([lines[0], lines[2]]))
    assert problems(await evidence.verified(evidence.file)) == [
        f"the checkpoint of position 20 stands in {TABLE} and not in {FILE}"
    ]


async def test_a_cut_end_of_the_file_is_told_of_the_server_s_own_and_noted_of_a_copy(evidence: Evidence) -> None:
    evidence.file.write_bytes(chained(lines_of(evidence)[:2]))
    assert problems(await evidence.verified(evidence.file)) == [
        f"the checkpoint of position 30 stands in {TABLE} and not in {FILE}"
    ]
    copy = await evidence.verified(evidence.file, live=False)
    assert copy.intact
    assert copy.findings.notes == [f"{FILE} ends at position 20, {TABLE} at 30: it is the older copy"]


async def test_a_file_that_is_gone_is_told_while_the_table_has_checkpoints(evidence: Evidence) -> None:
    assert problems(await evidence.verified(evidence.loose)) == [f"{TABLE} has 3 checkpoints and their file is gone"]
    evidence.file.unlink()
    with pytest.raises(Unreadable, match="no checkpoints at"):
        await evidence.verified(evidence.folder)


TABLE_EDITS = {
    "a deleted row": (
        "delete from checkpoint where position = 20",
        [f"the checkpoint of position 20 stands in {FILE} and not in {TABLE}"],
    ),
    "another hash": (
        "update checkpoint set hash = sha256(hash) where position = 20",
        [f"the checkpoint of position 20 in {TABLE} is not what its key signed"],
    ),
    "another time": (
        "update checkpoint set at = at - interval '1 day' where position = 20",
        [f"the checkpoint of position 20 in {TABLE} is not what its key signed"],
    ),
    "no signature at all": (
        "update checkpoint set signature = 'x' where position = 20",
        [f"the checkpoint of position 20 in {TABLE} is not what its key signed"],
    ),
    "a moved row": (
        "update checkpoint set position = 21 where position = 20",
        [
            f"the checkpoint of position 21 in {TABLE} is not what its key signed",
            f"the checkpoint of position 20 stands in {FILE} and not in {TABLE}",
            f"the checkpoint of position 21 stands in {TABLE} and not in {FILE}",
        ],
    ),
}


@pytest.mark.parametrize(("statement", "told"), TABLE_EDITS.values(), ids=TABLE_EDITS)
async def test_a_changed_table_of_checkpoints_is_told(evidence: Evidence, statement: str, told: list[str]) -> None:
    await evidence.tamper(statement)
    assert problems(await evidence.verified(evidence.file)) == told


async def test_a_row_that_a_crash_left_out_is_noted(evidence: Evidence) -> None:
    await evidence.tamper("delete from checkpoint where position = 30")
    found = await evidence.verified()
    assert found.intact
    assert found.findings.notes == [f"{TABLE} ends at position 20, {FILE} at 30: the next checkpoint completes it"]


async def test_a_database_without_the_table_is_verified_by_the_file(evidence: Evidence) -> None:
    await evidence.tamper("drop table checkpoint")
    found = await evidence.verified()
    assert found.intact
    assert found.json["provenTo"] == 30


def forged(evidence: Evidence, position: int, digest: str, folder: Path) -> dict[str, Any]:
    """A checkpoint under a key that somebody made."""
    made = sign_checkpoint(CheckpointKey(folder / "forged.key"), position, digest, NOW)
    return made.line


async def test_a_checkpoint_under_another_key_is_told_and_proves_nothing(evidence: Evidence, tmp_path: Path) -> None:
    head = str(await evidence.value("select encode(hash, 'hex') from event_head"))
    line = forged(evidence, 35, head, tmp_path)
    evidence.file.write_bytes(chained([*lines_of(evidence), line]))
    found = await evidence.verified()
    assert problems(found) == [
        f"the checkpoint of position 35 in {FILE} is signed by a key that nothing here vouches for: {line['publicKey']}"
    ]
    assert found.json["provenTo"] == 30


async def test_a_whole_file_under_another_key_is_told_by_whoever_knows_the_key(
    evidence: Evidence, tmp_path: Path
) -> None:
    lines = [forged(evidence, line["position"], line["hash"], tmp_path) for line in lines_of(evidence)]
    evidence.file.write_bytes(chained(lines))
    told = [
        f"the checkpoint of position {position} in {FILE} is signed by a key that nothing here vouches for:"
        f" {lines[0]['publicKey']}"
        for position in (10, 20, 30)
    ]
    assert problems(await evidence.verified(evidence.file, keys=(evidence.key.public_key,))) == told
    assert len(problems(await evidence.verified(evidence.file))) == 3  # those of the table


def changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Lines], Lines]:
    def apply(lines: Lines) -> Lines:
        change(lines[1])
        return lines

    return apply


LINE_EDITS = {
    "a signature of something else": changed(lambda line: line.update(signature=base64.b64encode(bytes(64)).decode())),
    "another position": changed(lambda line: line.update(position=21)),
    "another instant": changed(lambda line: line.update(at="2026-01-31T12:00:00+00:00")),
    "no base64": changed(lambda line: line.update(signature="é")),
    "a hash in capitals": changed(lambda line: line.update(hash=line["hash"].upper())),
}


@pytest.mark.parametrize("edit", LINE_EDITS.values(), ids=LINE_EDITS)
async def test_a_changed_line_is_told(evidence: Evidence, edit: Callable[[Lines], Lines]) -> None:
    lines = edit(lines_of(evidence))
    evidence.file.write_bytes(chained(lines))
    told = problems(await evidence.verified(evidence.file))
    assert told[0] == f"the checkpoint of position {lines[1]['position']} in {FILE} is not what its key signed"


@pytest.mark.parametrize("text", [b"{}", b"[]", b"no json", b"\xff", b'{"position": "1"}', b"1", b""])
async def test_a_line_that_is_none_is_told(evidence: Evidence, text: bytes) -> None:
    evidence.file.write_bytes(evidence.file.read_bytes() + text + b"\n")
    assert problems(await evidence.verified()) == [f"line 4 of {FILE} is no checkpoint"]


async def test_a_line_that_a_crash_cut_off_is_no_line(evidence: Evidence) -> None:
    evidence.file.write_bytes(evidence.file.read_bytes() + b'{"position": 3')
    assert (await evidence.verified()).intact


async def test_a_loose_checkpoint_that_is_gone_is_told(evidence: Evidence) -> None:
    (evidence.loose / f"{20:019d}.json").unlink()
    assert problems(await evidence.verified()) == [f"the checkpoint of position 20 stands in {FILE} and not in {LOOSE}"]


async def test_two_signed_checkpoints_of_one_position_for_two_logs_are_told(evidence: Evidence) -> None:
    lines = lines_of(evidence)
    lines[1] = sign_checkpoint(evidence.key, 20, "00" * 32, NOW).line
    evidence.file.write_bytes(chained(lines))
    found = await evidence.verified()
    assert problems(found) == [
        "two checkpoints of position 20 are signed, for two different logs",
        "what stands at positions 11 to 20 is not what the checkpoint of position 20 signed",
    ]


async def test_a_rotated_key_is_believed_by_whoever_believes_the_first(evidence: Evidence) -> None:
    first, file = evidence.key.public_key, CheckpointFile(evidence.folder)
    second = rotate(evidence.key, file, NOW)
    head = str(await evidence.value("select encode(hash, 'hex') from event_head"))
    with file.alone():
        file.append(sign_checkpoint(evidence.key, 35, head, NOW))
    for keys in ((), (first,)):
        found = await evidence.verified(live=False, keys=keys)
        assert (found.intact, found.keys, found.json["provenTo"]) == (True, (first, second), 35)
    stranger = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    assert problems(await evidence.verified(evidence.file, live=False, keys=(stranger,)))[0] == (
        f"a new key in {FILE} is not signed by one that was believed before it"
    )


async def test_the_old_key_signs_no_more_once_it_was_replaced(evidence: Evidence) -> None:
    old = (evidence.root / "checkpoint.key").read_bytes()
    file = CheckpointFile(evidence.folder)
    rotate(evidence.key, file, NOW)
    (evidence.root / "checkpoint.key").write_bytes(old)
    head = str(await evidence.value("select encode(hash, 'hex') from event_head"))
    with file.alone():
        file.append(sign_checkpoint(evidence.key, 35, head, NOW))
    assert problems(await evidence.verified(live=False)) == [
        f"the line about position 35 in {FILE} is signed by a key that was replaced"
    ]


async def test_a_key_after_a_lost_one_is_believed_where_both_are_given(evidence: Evidence) -> None:
    first = evidence.key.public_key
    (evidence.root / "checkpoint.key").unlink()
    head = str(await evidence.value("select encode(hash, 'hex') from event_head"))
    file = CheckpointFile(evidence.folder)
    with file.alone():
        file.append(sign_checkpoint(evidence.key, 35, head, NOW))
    assert len(problems(await evidence.verified(live=False, keys=(first,)))) == 1
    both = await evidence.verified(live=False, keys=(first, evidence.key.public_key))
    assert (both.intact, both.json["provenTo"]) == (True, 35)


async def test_copies_of_one_file_are_each_looked_at(evidence: Evidence, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old = tmp_path / "old" / "checkpoints.ndjson"
    lines = lines_of(evidence)
    old.write_bytes(chained(lines[:2]))
    found = await evidence.verified(evidence.file, old, live=False)
    assert found.intact
    assert found.findings.notes == [f"old/checkpoints.ndjson ends at position 20, {TABLE} at 30: it is the older copy"]
    lines[0]["signature"] = lines[1]["signature"]
    old.write_bytes(chained(lines[:2]))
    assert problems(await evidence.verified(evidence.file, old, live=False)) == [
        "the checkpoint of position 10 in old/checkpoints.ndjson is not what its key signed"
    ]


async def test_a_forged_succession_is_told(evidence: Evidence, tmp_path: Path) -> None:
    lines = lines_of(evidence)
    stranger = CheckpointKey(tmp_path / "forged.key").public_key
    forged_line = {
        "publicKey": stranger,
        "at": "2026-01-31T12:00:00+00:00",
        "signature": lines[0]["signature"],
        "signedBy": lines[0]["publicKey"],
    }
    evidence.file.write_bytes(chained([*lines, forged_line]))
    found = await evidence.verified()
    assert problems(found) == [f"a new key in {FILE} is not signed by one that was believed before it"]
    assert found.keys == (lines[0]["publicKey"],)
