"""Faults of statements: told to the log without what the engine quotes."""

import traceback
from pathlib import Path

import pytest

from server.adapters.engine.lanes import StatementFailed
from server.adapters.engine.session import Engine


@pytest.mark.parametrize(
    "statement",
    [
        "select cast(cell as int) from (select 'zanzibar' as cell)",
        "select cast(cell as tinyint) from (select 112233 as cell)",
        "select error(cell) from (select 'zanzibar' as cell)",
    ],
)
async def test_a_fault_quotes_no_value(tmp_path: Path, statement: str) -> None:
    with Engine([tmp_path], "64MB", 1, tmp_path / "spill") as engine, pytest.raises(StatementFailed) as failed:
        await engine.run(lambda cursor: cursor.execute(statement).fetchall(), heavy=False)
    told = "".join(traceback.format_exception(failed.value))
    assert "zanzibar" not in told
    assert "112233" not in told
    assert str(failed.value).endswith("Exception")
