import gc
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.adapters.storage.durable import StorageFull, refusing_when_full
from server.adapters.storage.local import LocalStorage
from server.adapters.storage.port import ObjectExists, ObjectMissing, Storage, StoredObject
from server.kernel.errors import BadUserInput

KEY = "users/bronze/b1/1.parquet"


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "lake")


def put(storage: Storage, key: str, content: bytes) -> None:
    staged = storage.staging()
    staged.write_bytes(content)
    storage.commit(staged, key)


def staged_files(storage: LocalStorage) -> list[Path]:
    return list((storage.root / ".staging").glob("*.part"))


def files(storage: LocalStorage) -> list[str]:
    found = (path.relative_to(storage.root) for path in storage.root.rglob("*") if path.suffix != ".alive")
    return sorted(map(str, found))


def test_satisfies_the_port(storage: LocalStorage) -> None:
    port: Storage = storage
    assert port.exists(KEY) is False


def test_a_committed_file_is_the_object(storage: LocalStorage) -> None:
    put(storage, KEY, b"rows")
    assert storage.exists(KEY) is True
    assert storage.size(KEY) == 4
    assert storage.read_path(KEY) == storage.path(KEY)
    assert storage.read_path(KEY).read_bytes() == b"rows"
    assert staged_files(storage) == []


def test_an_object_cannot_be_written(storage: LocalStorage) -> None:
    put(storage, KEY, b"rows")
    assert stat.S_IMODE(storage.path(KEY).stat().st_mode) & 0o222 == 0


def test_a_taken_key_is_refused_and_the_object_stays(storage: LocalStorage) -> None:
    put(storage, KEY, b"first")
    staged = storage.staging()
    staged.write_bytes(b"second")
    with pytest.raises(ObjectExists) as refused:
        storage.commit(staged, KEY)
    assert refused.value.message == f"a file stands under '{KEY}' already; files are never replaced"
    assert refused.value.code == "ALREADY_EXISTS"
    assert storage.path(KEY).read_bytes() == b"first"
    assert staged.read_bytes() == b"second"


def test_an_object_and_a_folder_never_share_a_name(storage: LocalStorage) -> None:
    put(storage, KEY, b"rows")
    for key in ("users/bronze", f"{KEY}/below", f"{KEY}/far/below"):
        with pytest.raises(ObjectExists):
            put(storage, key, b"x")
    assert [found.key for found in storage.list()] == [KEY]


def test_of_many_commits_of_one_key_exactly_one_wins(storage: LocalStorage) -> None:
    start = threading.Barrier(8)

    def attempt(number: int) -> bool:
        staged = storage.staging()
        staged.write_bytes(b"%d" % number)
        start.wait(timeout=30)
        try:
            storage.commit(staged, KEY)
        except ObjectExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert storage.path(KEY).read_bytes() == b"%d" % won.index(True)


def test_commits_survive_deletes_that_prune_their_folder(storage: LocalStorage) -> None:
    def churn(worker: int) -> int:
        for number in range(100):
            key = f"users/bronze/b1/{worker}-{number}.parquet"
            put(storage, key, b"rows")
            storage.delete(key)
        return worker

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(churn, range(4))) == [0, 1, 2, 3]
    assert files(storage) == [".staging"]


def test_a_staged_file_of_elsewhere_is_not_committed(storage: LocalStorage, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x")
    with pytest.raises(AssertionError):
        storage.commit(other, KEY)
    assert storage.exists(KEY) is False


def test_staging_paths_are_fresh_and_private(storage: LocalStorage) -> None:
    first, second = storage.staging(), storage.staging()
    assert first != second
    assert not first.exists()
    assert first.suffix == ".part"
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(storage.root.stat().st_mode) == 0o700


def test_the_mode_of_a_folder_that_was_there_is_left(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    assert stat.S_IMODE(LocalStorage(tmp_path).root.stat().st_mode) == 0o750


def test_delete_takes_the_folders_that_it_empties(storage: LocalStorage) -> None:
    put(storage, "users/bronze/b1/1.parquet", b"a")
    put(storage, "users/bronze/b2/1.parquet", b"b")
    storage.delete("users/bronze/b1/1.parquet")
    storage.delete("users/bronze/b1/1.parquet")
    assert files(storage) == [
        ".staging",
        "users",
        "users/bronze",
        "users/bronze/b2",
        "users/bronze/b2/1.parquet",
    ]
    storage.delete("users/bronze/b2/1.parquet")
    assert files(storage) == [".staging"]


def test_a_deleted_key_may_be_written_again(storage: LocalStorage) -> None:
    put(storage, KEY, b"first")
    storage.delete(KEY)
    put(storage, KEY, b"second")
    assert storage.path(KEY).read_bytes() == b"second"


def test_delete_of_a_folder_removes_nothing(storage: LocalStorage) -> None:
    put(storage, KEY, b"rows")
    storage.delete("users/bronze")
    storage.delete(f"{KEY}/below")
    assert storage.path(KEY).read_bytes() == b"rows"


def test_a_copy_has_a_life_and_an_age_of_its_own(storage: LocalStorage) -> None:
    put(storage, KEY, b"rows")
    os.utime(storage.path(KEY), (1_000_000_000, 1_000_000_000))
    before = datetime.now(UTC) - timedelta(seconds=5)
    storage.copy(KEY, "users/gold/b1/1.parquet")
    storage.delete(KEY)
    [copied] = storage.list()
    assert (copied.key, copied.size) == ("users/gold/b1/1.parquet", 4)
    assert copied.modified > before
    assert storage.read_path("users/gold/b1/1.parquet").read_bytes() == b"rows"
    assert staged_files(storage) == []


def test_a_copy_replaces_nothing(storage: LocalStorage) -> None:
    put(storage, KEY, b"rows")
    put(storage, "users/gold/b1/1.parquet", b"published")
    with pytest.raises(ObjectExists):
        storage.copy(KEY, "users/gold/b1/1.parquet")
    assert storage.path("users/gold/b1/1.parquet").read_bytes() == b"published"
    assert staged_files(storage) == []


def test_refuses_to_read_what_is_not_there(storage: LocalStorage) -> None:
    put(storage, KEY, b"rows")
    for missing in ("users/bronze/b1/2.parquet", "users/bronze/b1", f"{KEY}/below"):
        assert storage.exists(missing) is False
        for read in (storage.read_path, storage.size, lambda key: storage.copy(key, "users/gold/b1/1.parquet")):
            with pytest.raises(ObjectMissing) as refused:
                read(missing)
            assert refused.value.message == f"no file stands under {missing!r}; it was removed or never written"
    assert [found.key for found in storage.list()] == [KEY]


def test_lists_what_stands_below_a_prefix(storage: LocalStorage) -> None:
    instant = datetime(2024, 5, 1, 12, tzinfo=UTC)
    for key, content in {"users/raw/b1/x.csv": b"abc", "users/raw/b10/y.csv": b"", "orders/raw/b1/z.csv": b"z"}.items():
        put(storage, key, content)
        os.utime(storage.path(key), (instant.timestamp(), instant.timestamp()))
    storage.staging().write_bytes(b"staged")
    (storage.root / ".DS_Store").touch()
    assert sorted(storage.list("users/")) == [
        StoredObject("users/raw/b1/x.csv", 3, instant),
        StoredObject("users/raw/b10/y.csv", 0, instant),
    ]
    assert [found.key for found in storage.list("users/raw/b1/")] == ["users/raw/b1/x.csv"]
    assert sorted(found.key for found in storage.list()) == [
        "orders/raw/b1/z.csv",
        "users/raw/b1/x.csv",
        "users/raw/b10/y.csv",
    ]
    assert list(storage.list("nothing/")) == []


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", ".staging/x.part", "a\0b", "a\\..\\b", ""])
def test_no_key_leads_out_of_the_lake(storage: LocalStorage, key: str) -> None:
    put(storage, "users/bronze/b1/9.parquet", b"rows")
    staged = storage.staging()
    staged.write_bytes(b"x")
    for use in (storage.path, storage.exists, storage.size, storage.read_path, storage.delete):
        with pytest.raises(BadUserInput):
            use(key)
    with pytest.raises(BadUserInput):
        storage.commit(staged, key)
    with pytest.raises(BadUserInput):
        storage.copy("users/bronze/b1/9.parquet", key)
    assert staged.read_bytes() == b"x"


def test_sweeps_only_old_staged_files(storage: LocalStorage) -> None:
    old, fresh = storage.staging(), storage.staging()
    for path, instant in ((old, 1_000_000_000), (fresh, 1_000_000_100)):
        path.write_bytes(b"x")
        os.utime(path, (instant, instant))
    put(storage, KEY, b"rows")
    assert storage.sweep_staging(datetime.fromtimestamp(1_000_000_100, UTC)) == 1
    assert staged_files(storage) == [fresh]
    assert storage.exists(KEY) is True


def test_a_full_disk_is_a_refusal() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(StorageFull) as refused, refusing_when_full():
        full.write(b"x")
    assert refused.value.code == "UNAVAILABLE"
    assert refused.value.message == "storage is full: free some space on the server, then try again"


def test_another_fault_of_the_disk_stays_a_fault() -> None:
    with pytest.raises(PermissionError), refusing_when_full():
        raise PermissionError(1, "no")


def test_what_dead_processes_were_writing_is_swept_and_what_living_ones_write_stays(storage: LocalStorage) -> None:
    ours, theirs = storage.staging(), LocalStorage(storage.root).staging()
    ours.write_bytes(b"ours")
    theirs.write_bytes(b"theirs")
    (storage.root / ".staging" / "dead.alive").touch()
    (storage.root / ".staging" / "dead.1.part").write_bytes(b"left")
    gc.collect()  # the other store has ended, and its lock with it
    assert storage.sweep_dead() == 2
    assert staged_files(storage) == [ours]
    assert storage.sweep_dead() == 0
