"""What the footers of published files and the Delta log say: nothing of a personal value that stands there."""

from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from tests.mesh.publishing.conftest import Lake

FIELDS = [
    {"name": "id", "type": "int"},
    {"name": "email", "type": "string", "pii": True},
    {"name": "born", "type": "date", "pii": True},
    {"name": "worth", "type": "decimal(10,2)", "pii": True},
    {"name": "city", "type": "string"},
]
CANARY = "canary@example.com"
CSV = f"id,email,born,worth,city\n1,{CANARY},1815-12-10,12.50,Ulm\n2,,1912-06-23,7,\n3,bo@example.com,,,Bonn\n"
KEEP = [{"column": column, "strategy": "KEEP"} for column in ("email", "born", "worth")]
MASK = [{"column": "email", "strategy": "MASK"}, *KEEP[1:]]
COARSE = [KEEP[0], {"column": "born", "strategy": "GENERALIZE", "params": {"to": "month"}}, KEEP[2]]


def bounds(path: Path) -> dict[str, object]:
    """The columns of which a footer tells the smallest value, with that value."""
    found = {}
    metadata = parquet.read_metadata(path)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.statistics is not None:
                found[column.path_in_schema] = column.statistics.min
            if column.path_in_schema in ("email", "born", "worth"):
                told = (column.bloom_filter_offset, column.has_column_index, column.has_offset_index)
                assert told == (None, False, False) or column.statistics is not None
    return found


@pytest.mark.parametrize(
    ("rules", "treated", "told"),
    [(KEEP, False, set()), (KEEP, True, set()), (MASK, True, {"email"}), (COARSE, True, set())],
)
async def test_published_files_tell_no_bounds_of_personal_columns_in_clear(
    lake: Lake, rules: list[dict[str, str]], treated: bool, told: set[str]
) -> None:
    await lake.register("people", FIELDS, privacyRules=rules)
    await lake.publish("people", "b1", CSV, anonymize=treated)
    (first,) = (lake.parts.storage.root / "people" / "gold").rglob("*.parquet")
    bare = {"_id", "_batch_id", "_created_at", "id", "city"}
    assert set(bounds(first)) == bare | told
    layer = "silver" if treated else "bronze"
    (source,) = (lake.parts.storage.root / "people" / layer).rglob("*.parquet")
    assert parquet.read_table(first).equals(parquet.read_table(source))
    footer = first.read_bytes()[-int(parquet.read_metadata(first).serialized_size) :]
    assert CANARY.encode() not in footer

    await lake.do("requestReplay", dataset="people", reason="anew")
    both = set((lake.parts.storage.root / "people" / "gold").rglob("*.parquet"))
    (second,) = both - {first}
    assert bounds(second).keys() == bounds(first).keys()

    await lake.bring("people")
    log = b"".join(path.read_bytes() for path in (Path(lake.log("people").uri) / "_delta_log").iterdir())
    assert b"canary" not in log
    assert b"minValues" not in log


async def test_a_copy_without_personal_columns_is_the_same_file(lake: Lake) -> None:
    await lake.register("sales", [FIELDS[0], FIELDS[4]])
    await lake.publish("sales", "b1", "id,city\n1,Ulm\n")
    (bronze,) = (lake.parts.storage.root / "sales" / "bronze").rglob("*.parquet")
    (gold,) = (lake.parts.storage.root / "sales" / "gold").rglob("*.parquet")
    assert gold.read_bytes() == bronze.read_bytes()
