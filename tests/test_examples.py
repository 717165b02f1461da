"""The example clients, each run as a user runs it, against a real server."""

import asyncio
import base64
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest

from tests.system.serving import ServerProcess, environment, serving

EXAMPLES = Path(__file__).parents[1] / "client_examples"
PATIENCE = 60.0
LIFE = [
    "DatasetRegistered",
    "DataContractDefined",
    "DataAppended",
    "QualityCheckPassed",
    "DataAnonymized",
    "DataPublished",
    "ConsumptionGranted",
]

CONNECTED = ["DomainCreated", "DatasetRegistered", "DataProductRegistered", *(3 * ["LineageRegistered"])]
TOLD = [
    "external:toy/till -> dataset:toy-sales",
    "dataset:toy-sales -> product:toy-report",
    "  month is made of ['sold_on'] and hangs on []",
    "  total is made of ['amount'] and hangs on ['sold_on']",
    "product:toy-report -> external:toy/dashboard",
    "a change of 'sold_on' would meet: product:toy-report (1.0), external:toy/dashboard (0.8)",
    "a change of 'shop' would meet: nothing",
    "a change of 'amount' would meet: product:toy-report (1.0), external:toy/dashboard (0.8)",
]
PICTURE = [
    "flowchart LR",
    "  %% Lineage of dataset:toy-sales, BOTH, depth 3, at position 6",
    '  n0[("toy-sales")]',
    '  n1[/"till"/]',
    '  n2(["toy-report"])',
    '  n3[/"dashboard"/]',
    '  n0 ==>|"AGGREGATED"| n2',
    '  n1 -->|"DIRECT"| n0',
    '  n2 -->|"DIRECT 0.8"| n3',
    "  style n0 stroke-width:4px",
]
ERASED = [
    "club-members is about ada@example.com, jonas@example.org",
    "the request is COMPLETED",
    "  BRONZE: 1",
    "  SILVER: 1",
    "  GOLD: 1",
    "  out of reach: copies that readers made of rows which this server gave them",
    "  out of reach: backups of the database, of DATA_DIR and of the keys that were made outside this server",
    "  out of reach: earlier versions and snapshots that the disk or the store under it keeps by itself",
    "club-members is about ada@example.com",
    "proven: erased by order of admin, event 11 of the log",
    "datasets: 1",
    "datasetsWithPii: 1",
    "deletionsRequested: 1",
    "deletionsCompleted: 1",
    "deletionsPending: 0",
    "accessEvents: 2",
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with serving(tmp_path / "data") as server:
        yield server


async def begin(name: str, *arguments: str, folder: Path, **settings: str) -> asyncio.subprocess.Process:
    program = "bash" if name.endswith(".sh") else sys.executable
    return await asyncio.create_subprocess_exec(
        program,
        str(EXAMPLES / name),
        *arguments,
        cwd=folder,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def done(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit status, output, complaints."""
    async with asyncio.timeout(PATIENCE):
        output, complaints = await process.communicate()
    return process.returncode, output.decode(), complaints.decode()


class Relay:
    """A way to the server that can be cut: `cut` ends every connection that stands and takes new ones."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, server_writer}
        await asyncio.gather(self._copy(reader, server_writer), self._copy(server_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(65_536):
                writer.write(block)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()


async def test_a_file_goes_through_its_whole_life_and_once_only(server: ServerProcess, tmp_path: Path) -> None:
    example = ("register_and_publish.py", "meters")
    status, told, complaints = await done(
        await begin(*example, folder=tmp_path, LAKEMESH=server.url, API_KEY=server.key)
    )
    assert (status, complaints) == (0, "")
    assert told.splitlines()[-1] == "analytics has meters-1.parquet"
    hashed = "regexp_matches(owner, '^h1:[0-9a-f]{64}$')"
    with duckdb.connect() as engine:
        rows = engine.execute(f"select sensor, {hashed}, celsius::text from '{tmp_path}/meters-1.parquet'")
        assert rows.fetchall() == [(1, True, "21.5"), (2, True, "19.0")]
    events = await server.ask("{ events(first: 50) { nodes { type } } }")
    assert [event["type"] for event in events["events"]["nodes"]] == LIFE


async def test_rows_are_read_page_by_page_and_all_at_once(server: ServerProcess, tmp_path: Path) -> None:
    where = {"LAKEMESH": server.url, "API_KEY": server.key}
    await done(await begin("register_and_publish.py", "meters", folder=tmp_path, **where))
    warm = '{"field": "celsius", "op": "GT", "value": 19}'
    paged = await begin("read_rows.py", "meters", "--page", "1", folder=tmp_path, **where)
    chosen = await begin("read_rows.py", "meters", "--where", warm, "--layer", "GOLD", folder=tmp_path, **where)
    status, told, complaints = await done(paged)
    assert (status, complaints) == (0, "")
    assert [json.loads(line)["owner"] for line in told.splitlines()] == ["ada@example.com", "jonas@example.org"]
    assert [json.loads(line)["_id"] for line in (await done(chosen))[1].splitlines()] == ["meters-1-000000000000"]
    whole = await begin("read_rows.py", "meters", "--into", "rows.parquet", folder=tmp_path, **where)
    size = (tmp_path / "rows.parquet").stat().st_size if (ended := await done(whole))[0] == 0 else 0
    assert ended == (0, f"rows.parquet has {size} bytes\n", "")
    with duckdb.connect() as engine:
        rows = engine.execute(f"select sensor, celsius::text from '{tmp_path}/rows.parquet' order by sensor")
        assert rows.fetchall() == [(1, "21.5"), (2, "19.0")]


async def test_lineage_is_registered_asked_and_drawn_and_once_only(server: ServerProcess, tmp_path: Path) -> None:
    for _ in range(2):
        process = await begin("lineage.py", "toy", folder=tmp_path, LAKEMESH=server.url, API_KEY=server.key)
        status, picture, told = await done(process)
        assert (status, told.splitlines()) == (0, TOLD)
        assert picture.splitlines() == PICTURE
    events = await server.ask("{ events(first: 50) { nodes { type } } }")
    assert [event["type"] for event in events["events"]["nodes"]] == CONNECTED


async def test_a_person_is_erased_and_the_receipt_proves_it(server: ServerProcess, tmp_path: Path) -> None:
    where = {"LAKEMESH": server.url, "API_KEY": server.key}
    process = await begin("compliance.py", "club", folder=tmp_path, **where)
    status, told, complaints = await done(process)
    assert (status, complaints) == (0, "")
    lines = told.splitlines()
    assert re.fullmatch(r"an erasure is owed by \d{4}-\d\d-\d\d", lines.pop(1))
    assert lines == ERASED
    another = base64.b64encode(bytes(32)).decode()
    process = await begin("compliance.py", "choir", folder=tmp_path, CHECKPOINT_KEY=another, **where)
    status, told, complaints = await done(process)
    assert (status, complaints) == (1, "the receipt was signed with another key than the one that is known\n")
    assert "proven" not in told


async def test_an_upload_answers_its_file_url(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "my payments.csv"
    file.write_text("a,b\n1,2\n")
    status, told, complaints = await done(
        await begin("upload.sh", str(file), folder=tmp_path, LAKEMESH=server.url, API_KEY=server.key)
    )
    assert (status, complaints) == (0, "")
    assert re.fullmatch(r"landing/[0-9a-f-]{36}/my_payments\.csv\n", told)
    assert (server.data_dir / "lake" / told.strip()).read_text() == file.read_text()


@pytest.mark.parametrize(
    ("example", "arguments"),
    [
        ("upload.sh", ["upload.sh"]),
        ("register_and_publish.py", ["x"]),
        ("read_rows.py", ["x"]),
        ("subscribe.py", []),
        ("lineage.py", ["x"]),
        ("compliance.py", ["x"]),
    ],
)
async def test_a_wrong_key_is_told(server: ServerProcess, example: str, arguments: list[str]) -> None:
    process = await begin(example, *arguments, folder=EXAMPLES, LAKEMESH=server.url, API_KEY="not the key of this one")
    status, told, complaints = await done(process)
    assert (status, told) == (1, "")
    expected = "refused: Forbidden" if example == "subscribe.py" else "this key is not known"
    assert expected in complaints
    assert "Traceback" not in complaints


async def test_a_subscriber_whose_connection_is_cut_misses_nothing_and_repeats_nothing(
    server: ServerProcess, tmp_path: Path
) -> None:
    relay = Relay(int(server.url.rpartition(":")[2]))
    way = await asyncio.start_server(relay.carry, "127.0.0.1", 0)
    async with way:
        address = f"http://127.0.0.1:{way.sockets[0].getsockname()[1]}"
        arguments = ("--after", "0", "--count", "9")
        process = await begin("subscribe.py", *arguments, folder=tmp_path, LAKEMESH=address, API_KEY=server.key)
        assert process.stdout is not None
        lines: list[str] = []
        for number in range(9):
            if number in (3, 6):
                relay.cut()
            await server.ask(
                "mutation($input: RegisterDatasetInput!) { registerDataset(input: $input) { dataset { id } } }",
                input={"name": f"d{number}", "schema": {"a": "int"}},
            )
            if number not in (3, 6):  # what comes while the way is cut is read with the next one
                async with asyncio.timeout(PATIENCE):
                    while len(lines) <= number:
                        lines.append((await process.stdout.readline()).decode())
        assert await done(process) == (0, "", "")
    assert [line.split() for line in lines] == [
        [str(position), "DatasetRegistered", f"dataset:d{position - 1}"] for position in range(1, 10)
    ]
