"""Rows through a real server: by HTTP, by socket, by address."""

import asyncio
import io

import httpx
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.system.serving import PATIENCE, ServerProcess
from tests.system.story import append, do, published, refusal, register, upload

LARGE = 9_223_372_036_854_775_807
DIGITS = "12345678901234567890123456789.123456789"
ROWS = 200_000


async def test_digits_survive_http_and_sockets(server: ServerProcess) -> None:
    await do(server, "registerDataset", name="sums", schema={"n": "int", "sum": "decimal", "j": "json"})
    await do(server, "createContract", contractId="c", dataset="sums")
    file = await upload(server, f'n,sum,j\n{LARGE},{DIGITS},"{{""x"": 1.10}}"\n')
    await do(server, "appendData", dataset="sums", contractId="c", batchId="b", fileUrl=file)
    query = '{ dataset(name: "sums") { records(fields: ["n", "sum", "j"]) { nodes totalCount } } }'
    row = f'"n":{LARGE},"sum":{DIGITS},"j":{{"x": 1.10}}}}'
    response = await server.client.post("/graphql", json={"query": query})
    assert f'"nodes":[{{"_id":"b-000000000000",{row}],"totalCount":1' in response.text
    async for data in server.subscribe(query):
        assert data["dataset"]["records"]["nodes"] == [
            {"_id": "b-000000000000", "n": LARGE, "sum": pytest.approx(float(DIGITS)), "j": {"x": 1.1}}
        ]


async def test_streams_what_records_show_to_whoever_has_the_address(server: ServerProcess) -> None:
    await register(server)
    await published(server, "b1")
    document = (
        'query($layer: Layer, $format: DataFormat) { dataset(name: "people") {'
        ' streamUrl(layer: $layer, format: $format, fields: ["id", "email"]) { url } recordCount(layer: $layer) } }'
    )

    async def url(**asked: str) -> str:
        found = (await server.ask(document, **asked))["dataset"]
        assert found["recordCount"] == 3
        return str(found["streamUrl"]["url"])

    async with httpx.AsyncClient(timeout=PATIENCE) as anybody:
        bronze = await anybody.get(await url(format="CSV"))
        silver = await anybody.get(await url(layer="SILVER", format="CSV"))
        gold = await anybody.get(await url(layer="GOLD", format="PARQUET"))
        forged = await anybody.get((await url())[:-4] + "AAAA")
    assert pyarrow.csv.read_csv(io.BytesIO(bronze.content)).column("email").to_pylist()[0] == "ada@example.com"
    masked = pyarrow.csv.read_csv(io.BytesIO(silver.content)).column("email").to_pylist()
    assert masked == pyarrow.parquet.read_table(io.BytesIO(gold.content)).column("email").to_pylist()
    assert not {"ada@example.com", "bo@example.org", "cy@example.net"} & set(masked)
    assert gold.headers["content-disposition"] == 'attachment; filename="people-gold.parquet"'
    assert (forged.status_code, forged.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert "ada@example.com" not in server.log()
    refused = await refusal(server, "grantConsumption", batchId="b1", consumer="bi", format="CSV")
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", "format")


async def test_a_client_that_goes_in_the_middle_leaves_nothing_behind(server: ServerProcess) -> None:
    await register(server)
    rows = "".join(f"{n},{'x' * 200}{n}@example.com,{n}.5\n" for n in range(1, ROWS))
    await append(server, "b1", f"id,email,spent\n{rows}")
    address = (await server.ask('{ dataset(name: "people") { streamUrl { url } } }'))["dataset"]["streamUrl"]["url"]

    async def leave() -> None:
        async with httpx.AsyncClient(timeout=PATIENCE) as client, client.stream("GET", address) as response:
            assert response.status_code == 200
            await anext(response.aiter_raw())

    for _ in range(4):
        await asyncio.gather(*(leave() for _ in range(12)))
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        whole = await client.get(address)
    assert whole.content.count(b"\n") == ROWS - 1
    assert whole.content.endswith(b"}\n")
    log = server.log()
    assert "Traceback" not in log
    assert "broke off" not in log
