"""Every key that the layout makes is read back as what it is, and nothing else is taken for one."""

import uuid

import pytest

from server.adapters.storage import layout
from server.adapters.storage.layout import LandingFile
from server.adapters.storage.whose import BatchFile, CheckpointFile, Copy, DeltaLog, Owned, What, owner_of

UPLOAD = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
SHA = "ab" * 32


def of_batch(what: What, mark: str = "7") -> BatchFile:
    return BatchFile(dataset="landing", batch="b.1", what=what, mark=mark)


@pytest.mark.parametrize(
    ("key", "owner"),
    [
        (layout.landing(UPLOAD, "x.csv"), LandingFile(upload_id=UPLOAD, filename="x.csv")),
        (layout.raw("landing", "b.1", SHA, ".ndjson"), of_batch(What.RAW, SHA)),
        (layout.bronze("landing", "b.1", 7), of_batch(What.BRONZE)),
        (layout.rejects("landing", "b.1", 7), of_batch(What.REJECTS)),
        (layout.samples("landing", "b.1", 7), of_batch(What.SAMPLES)),
        (layout.silver("landing", "b.1", 7), of_batch(What.SILVER)),
        (layout.gold("landing", "b.1", 7), of_batch(What.GOLD)),
        (layout.aligned("landing", "b.1", 7, "0123456789ab"), of_batch(What.GOLD)),
        (layout.compact("landing", "bronze", 7), Copy(dataset="landing")),
        (layout.delta_log("landing") + "00000000000000000001.json", DeltaLog()),
        (layout.delta_log("landing") + "_last_checkpoint", DeltaLog()),
        (layout.checkpoint(500), CheckpointFile()),
    ],
)
def test_reads_back_what_the_layout_wrote(key: str, owner: Owned) -> None:
    assert owner_of(key) == owner


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "d/notes.txt",
        "d/copper/b1/7.parquet",
        "d/bronze/b1/a7.parquet",
        "d/bronze/b1/7.csv",
        "d/bronze/b1/7.parquet.tmp",
        "d/bronze/b1/x/7.parquet",
        "d/silver/b1/7.rejects.parquet",
        "d/silver/b1/7.0123456789ab.parquet",
        "d/gold/b1/7.0123456789.parquet",
        "d/raw/b1/7.csv",
        f"d/raw/b1/{SHA}",
        f"d/raw/b1/{SHA}.csv.gz",
        f"d/raw/b1/{SHA.upper()}.csv",
        "d/compact/7.parquet",
        f"landing/{UPLOAD}",
        "_checkpoints/500.json",
        f"checkpoints/{500:019d}.json",
    ],
)
def test_takes_no_other_key_for_its_own(key: str) -> None:
    assert owner_of(key) is None


def test_the_folders_of_a_batch_hold_its_files_and_no_others() -> None:
    folders = layout.folders("d", "b1")
    keys = [layout.raw("d", "b1", SHA, ".csv"), layout.samples("d", "b1", 1), layout.silver("d", "b1", 1)]
    keys.append(layout.aligned("d", "b1", 1, "0123456789ab"))
    assert [folder for folder in folders for key in keys if key.startswith(folder)] == list(folders)
    assert not any(layout.bronze("d", "b10", 1).startswith(folder) for folder in folders)
