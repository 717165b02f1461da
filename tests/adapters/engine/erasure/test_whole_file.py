"""Uploads that hold a subject, whatever they are."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.adapters.engine.erasure import whole_file
from server.adapters.engine.erasure.subject import Subject
from server.adapters.engine.erasure.whole_file import holds_subject

ANN = Subject(text="ann-4711")


def held(path: Path, subject: Subject = ANN) -> bool:
    with duckdb.connect() as connection:
        return holds_subject(connection, path, subject)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"id,name\n1,ann-4711\n", True),
        (b'{"id": "ann-4711"}\n', True),
        (b"note\nseen with ann-4711, twice\n", True),
        (b"note\njoann-4711\nann-47110\nANN-4711\n", False),
        ("id\nann-4711\n".encode("utf-16-le"), True),
        (b"", False),
        (b"PAR1 is no parquet, ann-4711", True),
        (b"PAR1", False),
    ],
)
def test_finds_the_id_as_a_cell_or_a_word(tmp_path: Path, content: bytes, found: bool) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    assert held(path) is found


@pytest.mark.parametrize(("cells", "found"), [(["ann-4711"], True), (["x ann-4711 y", None], True), (["ann"], False)])
def test_finds_the_id_inside_parquet(tmp_path: Path, cells: list[str | None], found: bool) -> None:
    path = tmp_path / "upload"
    pq.write_table(pa.table({"n": [1] * len(cells), "name": cells}), path, compression="zstd")
    assert held(path) is found


def test_finds_an_id_over_the_end_of_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_file, "PIECE_BYTES", 16)
    path = tmp_path / "upload"
    for before in range(40):
        path.write_bytes(b"." * before + b" ann-4711 " + b"." * 40)
        assert held(path), before
