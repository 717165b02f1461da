import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.adapters.postgres.cluster import EmbeddedPostgres
from server.adapters.postgres.locks import FileLock
from tests.adapters.postgres.neighbour import (
    Neighbour,
    ask,
    ask_when_back,
    kill_server,
    neighbour,
    server_pid,
    starts,
)

ADD = "insert into kept values ('second') returning 'added'"
ROWS = "select string_agg(note, ',' order by note) from kept"


def free(data_dir: Path) -> bool:
    """Whether no process of the server is left."""
    lock = FileLock.taken(data_dir / "postgres.lock")
    if lock is None:
        return False
    lock.close()
    return True


def test_makes_a_cluster_in_a_folder_that_does_not_exist(tmp_path):
    data_dir = tmp_path / "not" / "there"
    with EmbeddedPostgres.start(data_dir) as server:
        who = ask(server.dsn, "select current_user || '@' || current_database()")
        open_to_others = ask(server.dsn, "select current_setting('listen_addresses')")
    assert who == "lakemesh@lakemesh"
    assert open_to_others == ""
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert sorted(path.name for path in data_dir.iterdir()) == [
        "postgres",
        "postgres.lock",
        "postgres.log",
        "postgres.users",
    ]


def test_sorts_by_code_point_whatever_the_environment_says(tmp_path, monkeypatch):
    for name in ("LC_ALL", "LC_COLLATE", "LANG", "LANGUAGE"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PGOPTIONS", "-c timezone=Asia/Tokyo")
    monkeypatch.setenv("PGDATA", "elsewhere")
    with EmbeddedPostgres.start(tmp_path / "data") as server:
        order = ask(server.dsn, "select string_agg(c, '' order by c) from unnest(array['ä','a','Z','b','É']) c")
        lower = ask(server.dsn, "select lower('ÄÉ')")
        locale = ask(
            server.dsn,
            "select concat_ws(' ', datlocale, pg_encoding_to_char(encoding), current_setting('timezone'), "
            "current_setting('lc_messages')) from pg_database where datname = current_database()",
        )
    assert order == "ZabÉä"
    assert lower == "äé"
    assert locale == "C.UTF-8 UTF8 UTC C"


def test_keeps_rows_and_address_over_a_stop_and_a_start(data_dir):
    with EmbeddedPostgres.start(data_dir) as first:
        ask(first.dsn, ADD)
    assert free(data_dir)
    with EmbeddedPostgres.start(data_dir) as second:
        assert ask(second.dsn, ROWS) == "first,second"
    assert second.dsn == first.dsn


def test_writes_durably(postgres_server):
    names = "'fsync', 'full_page_writes', 'synchronous_commit'"
    question = f"select string_agg(name || '=' || setting, ' ' order by name) from pg_settings where name in ({names})"
    assert ask(postgres_server.dsn, question) == "fsync=on full_page_writes=on synchronous_commit=on"


def test_keeps_what_clients_write_out_of_the_log(data_dir):
    with EmbeddedPostgres.start(data_dir) as server:
        for wrong in ("select 'secret'::int", "select secret", "do $$ begin raise 'secret'; end $$"):
            with pytest.raises(Exception, match="secret"):
                ask(server.dsn, wrong)
    assert "secret" not in (data_dir / "postgres.log").read_text()


def test_attaches_to_the_server_of_another_process(data_dir):
    with neighbour(data_dir) as other, EmbeddedPostgres.start(data_dir) as server:
        assert server.dsn == other.dsn()
        assert ask(server.dsn, ROWS) == "first"
    assert starts(data_dir) == 1


def test_leaves_the_server_to_the_other_and_the_last_one_stops_it(data_dir):
    server = EmbeddedPostgres.start(data_dir)
    with neighbour(data_dir) as other:
        dsn = other.dsn()
        pid = server_pid(data_dir)
        server.stop()
        assert ask(dsn, ROWS) == "first"
        assert server_pid(data_dir) == pid
    assert free(data_dir)
    assert not (data_dir / "postgres/postmaster.pid").exists()


def test_stopping_twice_is_harmless(data_dir):
    server = EmbeddedPostgres.start(data_dir)
    server.stop()
    with neighbour(data_dir) as other:
        dsn = other.dsn()
        server.stop()
        assert ask(dsn, ROWS) == "first"


def test_makes_one_cluster_when_several_processes_start_at_once(tmp_path):
    data_dir = tmp_path / "data"
    with neighbour(data_dir) as one, neighbour(data_dir) as two, neighbour(data_dir) as three:
        assert len({one.dsn(), two.dsn(), three.dsn()}) == 1
    assert starts(data_dir) == 1
    assert free(data_dir)


def test_stops_when_all_leave_at_once(data_dir):
    uses = [EmbeddedPostgres.start(data_dir) for _ in range(4)]
    with ThreadPoolExecutor(len(uses)) as pool:
        for left in [pool.submit(use.stop) for use in uses]:
            left.result()
    assert free(data_dir)
    assert not (data_dir / "postgres/postmaster.pid").exists()


def test_a_start_during_a_stop_waits_and_gets_a_server(data_dir):
    server = EmbeddedPostgres.start(data_dir)
    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            stopped, started = pool.submit(server.stop), pool.submit(EmbeddedPostgres.start, data_dir)
            stopped.result()
            server = started.result()
        assert ask(server.dsn, ROWS) == "first"
    server.stop()
    assert free(data_dir)


def test_brings_a_killed_server_back_with_every_row(data_dir):
    with EmbeddedPostgres.start(data_dir) as server:
        ask(server.dsn, ADD)
        kill_server(data_dir)
        assert ask_when_back(server.dsn, ROWS) == "first,second"
    assert starts(data_dir) == 2


def test_brings_a_server_back_every_time(data_dir):
    with EmbeddedPostgres.start(data_dir) as server:
        for _ in range(3):
            kill_server(data_dir)
            assert ask_when_back(server.dsn, ROWS) == "first"
    assert starts(data_dir) == 4


def test_one_of_several_brings_a_killed_server_back(data_dir):
    with neighbour(data_dir) as one, neighbour(data_dir) as two, EmbeddedPostgres.start(data_dir) as server:
        assert one.dsn() == two.dsn() == server.dsn
        kill_server(data_dir)
        assert ask_when_back(server.dsn, ROWS) == "first"
    assert starts(data_dir) == 2


def test_takes_the_server_over_from_a_killed_process(data_dir):
    with neighbour(data_dir) as other:
        other.dsn()
        pid = server_pid(data_dir)
        with EmbeddedPostgres.start(data_dir) as server:
            other.kill()
            assert ask(server.dsn, ADD) == "added"
            assert server_pid(data_dir) == pid
            kill_server(data_dir)
            assert ask_when_back(server.dsn, ROWS) == "first,second"
        assert free(data_dir)


def test_attaches_to_a_server_whose_users_were_all_killed_and_stops_it(data_dir):
    other = Neighbour(data_dir)
    other.dsn()
    pid = server_pid(data_dir)
    other.kill()
    other.process.communicate()
    with EmbeddedPostgres.start(data_dir) as server:
        assert ask(server.dsn, ROWS) == "first"
        assert server_pid(data_dir) == pid
    assert free(data_dir)


def test_recovers_after_server_and_user_were_killed(data_dir):
    with neighbour(data_dir) as other:
        ask(other.dsn(), ADD)
        other.kill()
        kill_server(data_dir)
    with EmbeddedPostgres.start(data_dir) as server:
        assert ask(server.dsn, ROWS) == "first,second"
    assert starts(data_dir) == 2


def test_keeps_one_old_log(data_dir):
    log = data_dir / "postgres.log"
    with log.open("wb") as file:
        file.truncate(11 * 2**20)
    EmbeddedPostgres.start(data_dir).stop()
    assert (data_dir / "postgres.log.1").stat().st_size == 11 * 2**20
    assert starts(data_dir) == 1


def test_a_long_path_moves_the_socket(data_dir):
    deep = data_dir.rename(data_dir.with_name("d" * 120))
    with EmbeddedPostgres.start(deep) as server:
        assert ask(server.dsn, ROWS) == "first"
        sockets = Path(str(ask(server.dsn, "select current_setting('unix_socket_directories')")))
        assert sockets.parent == Path("/tmp")
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()
