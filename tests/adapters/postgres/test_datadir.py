import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from server.adapters.postgres.binaries import find_binaries
from server.adapters.postgres.cluster import ClusterError, EmbeddedPostgres
from server.adapters.postgres.locks import FileLock
from server.adapters.postgres.privileges import choose_account
from tests.adapters.postgres.neighbour import ask, ask_when_back, neighbour, starts


def refusal(data_dir: Path) -> str:
    with pytest.raises(ClusterError) as refused:
        EmbeddedPostgres.start(data_dir)
    assert str(data_dir.parent) not in str(refused.value)
    return str(refused.value)


def test_refuses_a_folder_that_is_no_cluster_and_leaves_it_alone(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres/letters.txt").write_text("dear")
    assert refusal(tmp_path) == (
        "the folder postgres in DATA_DIR holds files and is no Postgres cluster (PG_VERSION is missing); "
        "move it away, choose another DATA_DIR, or set DATABASE_URL"
    )
    assert [path.name for path in (tmp_path / "postgres").iterdir()] == ["letters.txt"]


def test_refuses_a_cluster_of_another_major(data_dir):
    (data_dir / "postgres/PG_VERSION").write_text("15\n")
    assert refusal(data_dir) == (
        "the cluster in DATA_DIR was made by Postgres 15, the programs found are of version 18; name a folder with "
        "version 15 in LAKEMESH_PG_BIN, move the cluster with pg_upgrade, or set DATABASE_URL"
    )
    assert not (data_dir / "postgres.log").exists()


def test_refuses_a_broken_cluster_with_what_postgres_said(data_dir):
    (data_dir / "postgres/global/pg_control").write_bytes(b"")
    message = refusal(data_dir)
    assert message.startswith("Postgres stopped while starting (")
    assert "pg_control" in message
    assert message.endswith("; or set DATABASE_URL")
    assert starts(data_dir) == 0


def test_refuses_a_cluster_without_its_password(data_dir):
    (data_dir / "postgres/lakemesh.password").unlink()
    assert refusal(data_dir) == (
        "the cluster in DATA_DIR lacks its file lakemesh.password; restore it from a backup, "
        "choose another DATA_DIR, or set DATABASE_URL"
    )


def test_refuses_another_password_and_stops_what_it_started(data_dir):
    password = data_dir / "postgres/lakemesh.password"
    right = password.read_text()
    password.write_text("wrong")
    assert refusal(data_dir).startswith("the cluster in DATA_DIR does not accept the password")
    assert not (data_dir / "postgres/postmaster.pid").exists()
    password.write_text(right)
    with EmbeddedPostgres.start(data_dir) as server:
        assert ask(server.dsn, "select note from kept") == "first"


def test_refuses_a_data_dir_that_is_a_file(tmp_path):
    file = tmp_path / "data"
    file.write_text("")
    assert refusal(file) == (
        "DATA_DIR cannot hold a Postgres cluster (File exists); choose a folder that this user owns, "
        "with free space, or set DATABASE_URL"
    )


def test_begins_again_after_an_interrupted_init(tmp_path):
    (tmp_path / "postgres.new/base").mkdir(parents=True)
    (tmp_path / "postgres.new/PG_VERSION").write_text("18\n")
    (tmp_path / "postgres.password").write_text("old")
    with EmbeddedPostgres.start(tmp_path) as server:
        assert ask(server.dsn, "select 1") == 1
    assert not (tmp_path / "postgres.new").exists()
    assert not (tmp_path / "postgres.password").exists()


def test_an_init_whose_starter_was_killed_keeps_others_out_until_it_ends(tmp_path, monkeypatch):
    begun, go = tmp_path / "begun", tmp_path / "go"
    for fifo in (begun, go):
        os.mkfifo(fifo)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
    (programs / "initdb").write_text(f"#!/bin/sh\necho yes > {begun}\nread answer < {go}\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("LAKEMESH_PG_BIN", str(programs))
    data_dir = tmp_path / "data"
    with neighbour(data_dir) as other:
        assert begun.read_text() == "yes\n"
        other.kill()
    assert FileLock.taken(data_dir / "postgres.lock") is None
    go.write_text("on\n")
    with FileLock(data_dir / "postgres.lock") as lock:
        fcntl.flock(lock.descriptor, fcntl.LOCK_EX)


def test_makes_the_database_that_a_killed_start_left_out(data_dir):
    with EmbeddedPostgres.start(data_dir) as server:
        ask(server.dsn.replace("/lakemesh?", "/postgres?"), "drop database lakemesh with (force)")
    with EmbeddedPostgres.start(data_dir) as server:
        assert ask(server.dsn, "select current_database()") == "lakemesh"


def test_is_not_stopped_by_a_pid_file_whose_number_is_another_programs(data_dir):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stranger:
        cluster = data_dir / "postgres"
        stale = f"{stranger.pid}\n{cluster}\n1700000000\n5432\n{cluster}\n\n"
        (cluster / "postmaster.pid").write_text(stale)
        (cluster / ".s.PGSQL.5432.lock").write_text(stale)
        with EmbeddedPostgres.start(data_dir) as server:
            assert ask(server.dsn, "select note from kept") == "first"
        assert stranger.poll() is None
        stranger.communicate()


def test_refuses_a_cluster_that_a_server_of_somebody_else_uses(data_dir):
    with EmbeddedPostgres.start(data_dir) as server:
        dsn = server.dsn
    binaries, cluster = find_binaries(), data_dir / "postgres"
    account = choose_account(binaries, data_dir, cluster)
    command = [binaries.postgres, "-D", str(cluster), "-k", str(cluster), "-c", "listen_addresses="]
    by_hand = account.launch(command, output=subprocess.DEVNULL)
    try:
        assert ask_when_back(dsn, "select note from kept") == "first"
        assert refusal(data_dir) == (
            "a Postgres that this server did not start runs on the cluster in DATA_DIR; stop it, or set DATABASE_URL"
        )
        assert ask(dsn, "select note from kept") == "first"
    finally:
        by_hand.terminate()
        by_hand.wait()


def test_refuses_a_socket_folder_that_others_can_enter(data_dir):
    deep = data_dir.rename(data_dir.with_name("d" * 120))
    digest = hashlib.sha256(os.fsencode(deep)).hexdigest()[:16]
    squatted = Path(f"/tmp/lakemesh-{os.geteuid()}-{digest}")
    squatted.mkdir()
    squatted.chmod(0o777)
    try:
        assert refusal(deep) == (
            "the path of DATA_DIR is too long for a socket, and the folder for it among the temporary files "
            "belongs to somebody else; choose a shorter DATA_DIR, or set DATABASE_URL"
        )
    finally:
        squatted.rmdir()
