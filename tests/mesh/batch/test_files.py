"""Files of an attempt: a refused append takes them away, one of unknown outcome leaves them."""

from pathlib import Path
from typing import Any, cast

import pytest

from server.adapters.postgres.away import PostgresAway
from server.adapters.storage import layout
from server.adapters.storage.local import LocalStorage
from server.kernel.errors import Conflict, Refused
from server.mesh.batch.files import BatchFiles, BatchPlace

PLACE = BatchPlace(dataset="sales", batch="b1")
GOLD = layout.gold("sales", "b1", 3)


@pytest.mark.parametrize(
    ("refusal", "stays"), [(Conflict("somebody was faster"), False), (PostgresAway("Postgres is away"), True)]
)
async def test_only_a_certain_refusal_removes_the_files(tmp_path: Path, refusal: Refused, stays: bool) -> None:
    storage = LocalStorage(tmp_path)
    staged = storage.staging()
    staged.write_bytes(b"rows")
    storage.commit(staged, GOLD)
    files = BatchFiles(storage, cast(Any, None), cast(Any, None))  # no engine and no key is needed to remove files
    with pytest.raises(type(refusal)):
        async with files.kept_unless_refused(PLACE, 3):
            raise refusal
    assert storage.exists(GOLD) is stays
