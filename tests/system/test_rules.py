"""Every kind of quality rule in one contract, and batches that break each of them in turn."""

from tests.system.serving import ServerProcess
from tests.system.story import Json, do, refusal, upload

USERS = [{"name": "user id", "type": "int"}]
ORDERS = [
    {"name": "id", "type": "int"},
    {"name": "line", "type": "int"},
    {"name": "buyer", "type": "decimal(12,0)"},
    {"name": "e-mail", "type": "string", "pii": True},
    {"name": "iban", "type": "string"},
    {"name": "card", "type": "string"},
    {"name": "ip", "type": "string"},
    {"name": "trace", "type": "string"},
    {"name": "country", "type": "string"},
    {"name": "amount", "type": "decimal(10,2)"},
    {"name": "day", "type": "date"},
    {"name": "paid", "type": "datetime"},
]
HEADER = ",".join(str(field["name"]) for field in ORDERS) + "\n"
TRACE = "123e4567-e89b-12d3-a456-42661417400"
GOOD = (
    f"3,1,7,ada@example.com,GB29NWBK60161331926819,4111111111111111,::1,{TRACE}0,NL,10.50,2024-01-02,2999-01-01T00:00:00\n"
    f"4,1,8,bo@example.org,,,192.0.2.1,{TRACE}1,BE,20.00,2024-01-03,2999-01-01T00:00:00\n"
    f"5,1,8,,NL91ABNA0417164300,,,,BE,30.00,2024-01-03,\n"
)
BAD = (
    f"2,1,9,ada@@example.com,GB29NWBK60161331926818,4111111111111112,1.2.3,{TRACE},NL,,2019-01-01,2001-01-01T00:00:00\n"
    f"2,1,7,,,,,{TRACE}0,XX,-5.00,2031-01-01,2001-01-01T00:00:00\n"
)
RULES: list[tuple[str | None, str, int]] = [  # of BAD's two rows, how many fail
    ("id", "> 2", 2),
    ("line", "between 1 and 9", 0),
    ("country", "in ('NL', 'BE')", 1),
    ("country", "not in ('XX')", 1),
    ("amount", "not null", 1),
    ("country", "matches '^[A-Z]{2}$'", 0),
    ("trace", "length = 36", 1),
    ("day", "after '2020-12-31'", 1),
    ("day", "before '2030-01-01'", 1),
    ("e-mail", "is email", 1),
    ("iban", "is iban", 1),
    ("card", "is credit_card", 1),
    ("ip", "is ip", 1),
    ("trace", "is uuid", 1),
    ("id", "unique", 2),
    (None, "unique with (id, line)", 2),
    ("trace", "unique in dataset", 1),
    ("buyer", 'in dataset users."user id"', 1),
    ("id", "distinct_count > 1", 2),
    ("amount", "null_fraction < 0.5", 2),
    ("amount", "mean > 0", 2),
    ("amount", "min > 0", 2),
    ("amount", "max > 0", 2),
    ("amount", "sum > 0", 2),
    ("paid", "freshness <= 24 h", 2),
    (None, "row_count > 2", 2),
    ("amount", "not null when country = 'NL'", 1),
    ("e-mail", "not null when iban is null", 1),
]
FIGURES = ("distinct_count", "null_fraction", "mean", "min", "max", "sum", "freshness", "row_count")
REPORT = "batch { qualityReports { checkedRows results { rule { check } failedRows sample } } } run { status }"


async def append(server: ServerProcess, dataset: str, batch: str, content: str) -> None:
    file = await upload(server, content)
    await do(server, "appendData", dataset=dataset, contractId=f"{dataset}-terms", batchId=batch, fileUrl=file)


async def prepare(server: ServerProcess) -> None:
    """Two datasets, their contracts and the rows that references look into."""
    await do(server, "registerDataset", name="users", fields=USERS)
    await do(server, "createContract", contractId="users-terms", dataset="users")
    await append(server, "users", "u1", "user id\n7\n8\n")
    await do(server, "registerDataset", name="orders", fields=ORDERS)
    rules = [{"column": column, "check": check} for column, check, _ in RULES]
    await do(server, "createContract", contractId="orders-terms", dataset="orders", qualityRules=rules)


async def results(server: ServerProcess, batch: str) -> list[Json]:
    """What the last check of a batch found."""
    checked = await do(server, "runQualityCheck", REPORT, batchId=batch)
    assert checked["run"]["status"] == "SUCCEEDED"
    found: list[Json] = checked["batch"]["qualityReports"][-1]["results"]
    assert [one["rule"]["check"] for one in found] == [check for _, check, _ in RULES]
    return found


async def test_every_kind_of_rule_is_judged(server: ServerProcess) -> None:
    await prepare(server)
    await append(server, "orders", "good", HEADER + GOOD)
    assert [one["failedRows"] for one in await results(server, "good")] == [0] * len(RULES)
    await append(server, "orders", "bad", HEADER + BAD)
    found = await results(server, "bad")
    assert [one["failedRows"] for one in found] == [failed for _, _, failed in RULES]
    judged_rows = [one for one in found if not one["rule"]["check"].startswith(FIGURES)]
    assert [len(one["sample"]) for one in judged_rows] == [one["failedRows"] for one in judged_rows]
    assert {row["e-mail"] for one in found for row in one["sample"]} == {"***", None}


async def test_a_referenced_column_that_was_dropped_is_named(server: ServerProcess) -> None:
    await prepare(server)
    await append(server, "orders", "good", HEADER + GOOD)
    fields = [{"name": "person", "type": "int"}]
    await do(server, "evolveSchema", dataset="users", fields=fields, compatibility="NONE")
    assert await refusal(server, "runQualityCheck", batchId="good") == {
        "code": "PRECONDITION_FAILED",
        "message": "batch 'good' cannot be checked: check 'in dataset users.\"user id\"': in dataset 'users' column"
        " 'user id' is not in the schema; name one of 'person'; change the rule with updateContract",
    }
