"""An idempotency key on each mutation: the same answer again and nothing recorded twice; another input is CONFLICT."""

from typing import Any

from tests.system.serving import ServerProcess
from tests.system.story import CSV, EVENTS, FIELDS, PRIVACY, QUALITY, Json, do, head, refusal, upload

RUN = "batch { id revision status } run { id status }"


async def test_a_key_repeats_the_answer_of_every_mutation(server: ServerProcess) -> None:
    file = await upload(server, CSV)
    await twice(
        server, "registerDataset", "dataset { id revision }", {"name": "people", "fields": FIELDS}, name="other"
    )
    contract = {"dataset": "people", "qualityRules": QUALITY, "privacyRules": PRIVACY}
    made = await twice(server, "createContract", "contract { id revision }", contract, retentionDays=3)
    id = made["contract"]["id"]
    changed = {"contract": id, "retentionDays": 10}
    await twice(server, "updateContract", "contract { id version revision }", changed, retentionDays=11)
    appended = {"dataset": "people", "contractId": id, "fileUrl": file}
    made = await twice(server, "appendData", RUN, appended, batchId="other")
    batch = {"batchId": made["batch"]["id"]}
    await twice(server, "runQualityCheck", RUN, batch, rules=[{"column": "id", "check": "not null"}])
    await twice(server, "anonymizeData", RUN, batch, rules=[{"column": "email", "strategy": "DROP"}])
    await twice(server, "publishData", RUN, batch, batchId="batch:other")
    granted = batch | {"consumer": "analytics"}
    made = await twice(server, "grantConsumption", "grant { id expiresAt }", granted, consumer="another")
    await twice(server, "quarantineBatch", RUN, batch | {"reason": "doubt"}, reason="another")
    await twice(server, "releaseBatch", RUN, batch | {"reason": "no doubt"}, reason="another")
    replay = {"dataset": "people", "reason": "again"}
    await twice(server, "requestReplay", "run { id status }", replay, reason="another")
    revoked = {"grant": made["grant"]["id"]}
    await twice(server, "revokeConsumption", "grant { id revokedAt }", revoked, reason="another")
    await twice(server, "retireContract", "contract { id status }", {"contract": id, "reason": "old"}, reason="new")
    assert await head(server) == 15


async def test_a_key_stands_for_one_input_whatever_the_mutation(server: ServerProcess) -> None:
    await do(server, "registerDataset", name="people", schema={"id": "int"}, idempotencyKey="k")
    taken = {"code": "CONFLICT", "message": conflict("k"), "field": "idempotencyKey"}
    assert await refusal(server, "createContract", dataset="people", idempotencyKey="k") == taken
    for key in ("", "k" * 256):
        length = f"idempotencyKey has {len(key)} characters; give it 1 to 255, or leave it out"
        refused = await refusal(server, "registerDataset", name="b", schema={"id": "int"}, idempotencyKey=key)
        assert refused == {"code": "BAD_USER_INPUT", "message": length, "field": "idempotencyKey"}
    longest = "\N{GRINNING FACE}" * 255
    for _ in range(2):
        made = await do(server, "registerDataset", name="b", schema={"id": "int"}, idempotencyKey=longest)
        assert [event["position"] for event in made["events"]] == [2]
    assert await head(server) == 2


async def test_a_refused_command_leaves_its_key_free(server: ServerProcess) -> None:
    refused = await refusal(server, "createContract", dataset="people", contractId="c", idempotencyKey="k")
    assert refused["code"] == "NOT_FOUND"
    await do(server, "registerDataset", name="people", schema={"id": "int"})
    made = await do(server, "createContract", dataset="people", contractId="c", idempotencyKey="k")
    assert [event["type"] for event in made["events"]] == ["DataContractDefined"]


async def twice(server: ServerProcess, name: str, select: str, given: Json, /, **other: Any) -> Json:
    """The answer of a mutation that was sent twice under one key; then `other` input comes under that key."""
    first = await do(server, name, f"{select} {EVENTS}", **given, idempotencyKey=f"key of {name}")
    assert first["events"] != []
    position = await head(server)
    again = await do(server, name, f"{select} {EVENTS}", **given, idempotencyKey=f"key of {name}")
    assert again == first
    refused = await refusal(server, name, **{**given, **other}, idempotencyKey=f"key of {name}")
    assert refused == {"code": "CONFLICT", "message": conflict(f"key of {name}"), "field": "idempotencyKey"}
    assert await head(server) == position
    return first


def conflict(key: str) -> str:
    """What is said of a key that stands for something else."""
    return f"idempotency key {key!r} was used for another input; take a new key for a new command"
