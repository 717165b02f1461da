"""Files that do not fit: each is refused whole or in part, with line and reason, and nothing is lost or half done."""

import gzip
import io
from collections.abc import AsyncIterator

import pyarrow
import pyarrow.parquet as parquet
import pytest
import pytest_asyncio

from tests.system.serving import ServerProcess, serving
from tests.system.story import Json, do, head, refusal, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEADER = "id,price,note\n"
MEND = "mend line 1 or evolve the schema, and upload the file again"
SELECT = "batch { rowCount rejectedRowCount rejectedRows { line column reason } } events { type }"
NOT_INT = "id: not an int, which is digits with an optional sign, within 64 bits"
NOT_FLOAT = "price: not a float, which is a finite number"
NOT_CSV = "the file must be CSV with a header that names 'id', 'price', 'note': add it and upload the file again"


def parquet_file() -> bytes:
    """A small Parquet file."""
    written = io.BytesIO()
    parquet.write_table(pyarrow.table({"id": [1], "amount": [2]}), written)
    return written.getvalue()


WHOLE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "the file is empty; its first line must be the header with the names of the columns"),
    "only a byte order mark": (
        b"\xef\xbb\xbf",
        "the file is empty; its first line must be the header with the names of the columns",
    ),
    "a required column missing": ("price\n1\n", f"the header lacks 'id', which may not be null; {MEND}"),
    "a column too many": (
        "id,price,note,extra\n1,2,a,b\n",
        f"the header names 'extra', which the schema does not have; {MEND}",
    ),
    "a name twice": ("id,price,price\n1,2,3\n", f"the header names 'price' more than once; {MEND}"),
    "bad UTF-8": (
        HEADER.encode() + b"1,2,a\n2,3,\xff\n",
        "line 3 is not UTF-8; write the file as CSV in UTF-8 and upload it again, or let the contract's csv name its"
        " encoding",
    ),
    "a NUL byte": (
        HEADER + "1,2,a\0b\n",
        "line 2 holds a NUL byte; write the file as CSV in UTF-8 and upload it again",
    ),
    "an unterminated quote": (
        HEADER + '1,2,"a\n2,3,b\n',
        'the quote that opens on line 2 is never closed; close it, or write "" for a quote inside a quoted field,'
        " and upload the file again",
    ),
    "damaged Parquet": (
        parquet_file()[:-9] + b"damagedPAR1",
        "the Parquet file cannot be read: it is damaged, cut off, encrypted or of an unknown kind; write it again, or"
        " as CSV or NDJSON, and upload that",
    ),
    "a column too many in Parquet": (
        parquet_file(),
        "the Parquet file has 'amount', which the schema does not have; mend its columns or evolve the schema, and"
        " upload the file again",
    ),
    "gzip": (
        gzip.compress(HEADER.encode()),
        "the file is gzip, not CSV; write it as CSV in UTF-8 and upload that",
    ),
    "HTML": ("<!DOCTYPE html><html><body>Not found</body></html>", f"line 1 is markup such as HTML; {NOT_CSV}"),
    "JSON": (
        '[{"id": 1}]',
        "the file is a JSON array; write one object on each line, without brackets around them and commas between them"
        " (NDJSON), and upload it again",
    ),
    "prose": ("Dear reader,\nthis is no table.\n", f"line 1 names none of the columns; {NOT_CSV}"),
}

IN_PART: dict[str, tuple[str, list[tuple[int, str | None, str]]]] = {
    "rows too short and too long": (
        HEADER + "1,2\n2,3,b\n3,4,c,d\n",
        [
            (2, None, "the record has 2 fields; the header has 3"),
            (4, None, "the record has 4 fields; the header has 3"),
        ],
    ),
    "a fraction in an int": (HEADER + "1.7,2,a\n2,3,b\n", [(2, "id", NOT_INT)]),
    "an int beyond 64 bits": (HEADER + "9223372036854775808,2,a\n9223372036854775807,3,b\n", [(2, "id", NOT_INT)]),
    "NaN and infinity": (
        HEADER + "1,NaN,a\n2,inf,b\n3,-Infinity,c\n4,1e999,d\n5,1e3,e\n",
        [(line, "price", NOT_FLOAT) for line in (2, 3, 4, 5)],
    ),
    "no value where one must be": (
        HEADER + ',2,a\n"",3,b\n3,4,c\n',
        [(line, "id", "id: null, and the column is not nullable") for line in (2, 3)],
    ),
    "a line of 10 MB": (
        HEADER + "1,2," + "x" * 10_000_000 + "\n2,3,b\n",
        [(2, None, "the record is 10000004 bytes long; 262144 are allowed")],
    ),
    "two bad columns after a record of two lines": (
        HEADER + '1,2,"a\nb"\nx,y,c\n',
        [(4, "id", f"{NOT_INT}; {NOT_FLOAT}")],
    ),
}

FINE: dict[str, tuple[str | bytes, int]] = {
    "a header alone": (HEADER, 0),
    "columns in another order": ("note,id,price\na,1,2.5\n", 1),
    "an optional column missing": ("id,note\n1,a\n", 1),
    "a byte order mark": (b"\xef\xbb\xbf" + HEADER.encode() + b"1,2,a\n", 1),
    "CRLF": (HEADER.replace("\n", "\r\n") + "1,2,a\r\n2,3,b\r\n", 2),
    "semicolons": ("id;price;note\n1;2;a\n", 1),
    "no line end at the end": (HEADER + "1,2,a", 1),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server for all files, with a contract that refuses bad rows and one that sets them aside."""
    async with serving(tmp_path_factory.mktemp("files") / "data") as server:
        fields = [
            {"name": "id", "type": "int", "nullable": False},
            {"name": "price", "type": "float"},
            {"name": "note", "type": "string"},
        ]
        await do(server, "registerDataset", name="prices", fields=fields)
        await do(server, "createContract", contractId="strict", dataset="prices")
        await do(server, "createContract", contractId="lenient", dataset="prices", onBadRows="SET_ASIDE")
        yield server
        assert await server.stop() == 0
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("case", WHOLE)
async def test_a_file_that_is_no_table_is_refused_whole(mesh: ServerProcess, case: str) -> None:
    content, message = WHOLE[case]
    file = await upload(mesh, content)
    position = await head(mesh)
    for contract in ("strict", "lenient"):
        refused = await refusal(mesh, "appendData", **batch(contract, case, file))
        assert refused == {"code": "INVALID_DATA", "message": message}
    assert await head(mesh) == position
    assert await mesh.ask("query ($id: ID!) { batch(id: $id) { id } }", id=name(case)) == {"batch": None}


@pytest.mark.parametrize("case", IN_PART)
async def test_bad_rows_are_refused_or_set_aside_with_line_and_reason(mesh: ServerProcess, case: str) -> None:
    content, rejects = IN_PART[case]
    rows = [{"line": line, "column": column, "reason": reason} for line, column, reason in rejects]
    file = await upload(mesh, content)
    position = await head(mesh)
    refused = await refusal(mesh, "appendData", **batch("strict", case, file))
    told = "; ".join(f"line {line}: {reason}" for line, _, reason in rejects)
    count = len(rejects)
    assert refused["code"] == "INVALID_DATA"
    assert refused["message"].startswith(f"{count} of {count + 1} rows do not fit the schema ({told}); mend the file,")
    assert await head(mesh) == position
    # the same upload and the same batch id, under the contract that sets aside
    made = await do(mesh, "appendData", SELECT, **batch("lenient", case, file))
    assert made == {
        "batch": {"rowCount": 1, "rejectedRowCount": count, "rejectedRows": rows},
        "events": [{"type": "DataAppended"}],
    }
    assert await head(mesh) == position + 1


@pytest.mark.parametrize("case", FINE)
async def test_a_file_in_another_manner_is_fine(mesh: ServerProcess, case: str) -> None:
    content, count = FINE[case]
    made = await do(mesh, "appendData", SELECT, **batch("strict", case, await upload(mesh, content)))
    assert made["batch"] == {"rowCount": count, "rejectedRowCount": 0, "rejectedRows": []}


def batch(contract: str, case: str, file: str) -> Json:
    """The append of a case."""
    return {"dataset": "prices", "contractId": contract, "batchId": name(case), "fileUrl": file}


def name(case: str) -> str:
    """A batch's id for a case."""
    return case.replace(" ", "-")
