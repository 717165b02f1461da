"""The key ring: one file, versions that are only ever added, one version for each piece of work."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from server.adapters.engine.privacy.keys import MESH, privacy_keys, pseudonymizer
from server.adapters.key_ring import KeyRing, read_ring
from server.adapters.keys import load_key
from server.kernel.errors import BadUserInput, PreconditionFailed


def test_a_bare_key_of_old_is_version_one(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "privacy.key"
    secret = load_key(path)
    ring = KeyRing(path)
    assert (ring.version, ring.first) == (1, secret)
    assert ring.keys(MESH, "run").token == secret  # tokens made before there were scopes stay what they are
    assert ring.keys("domain:sales", "run").token != secret
    assert path.read_bytes() == secret


def test_a_ring_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "privacy.key"
    ring = KeyRing(path)
    assert path.read_bytes() == ring.first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_rotation_adds_a_version_that_running_servers_use_next(tmp_path: Path) -> None:
    path = tmp_path / "privacy.key"
    running = KeyRing(path)
    before = running.keys(MESH, "run")
    assert KeyRing(path).rotate() == 2
    after = running.keys(MESH, "run")
    assert (before.version, after.version, running.version) == (1, 2, 2)
    assert len({before.token, after.token, before.noise, after.noise}) == 4
    assert running.first == before.token  # digests of inputs do not change with a rotation
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["privacy.key"]
    assert sorted(json.loads(path.read_bytes())) == ["format", "keys"]
    assert KeyRing(path).keys(MESH, "run") == after


def test_old_pseudonyms_are_read_after_a_rotation(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "privacy.key")
    old = "p1:" + pseudonymizer(ring.keys(MESH, "").pseudonym)("Jane")
    ring.rotate()
    new = "p2:" + pseudonymizer(ring.keys(MESH, "").pseudonym)("Jane")
    assert old.removeprefix("p1:") != new.removeprefix("p2:")
    assert [ring.reveal(MESH, each) for each in (old, new)] == ["Jane", "Jane"]


@pytest.mark.parametrize(
    "value", ["", "Jane", "p1:", "p9:AAAA", "p0:AAAA", "h1:00", "p1:AAAA", "p٣:AAAA", "p" + "9" * 5000]
)
def test_what_is_no_pseudonym_is_refused_without_naming_it(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        KeyRing(tmp_path / "privacy.key").reveal(MESH, value)
    assert refused.value.message == (
        "this value is no pseudonym that the keys of this dataset made; give it exactly as it is"
    )


def test_a_pseudonym_of_another_scope_is_refused(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "privacy.key")
    with pytest.raises(BadUserInput, match="no pseudonym"):
        ring.reveal("domain:sales", "p1:" + pseudonymizer(ring.keys(MESH, "").pseudonym)("Jane"))


def test_rotations_at_once_lose_no_version(tmp_path: Path) -> None:
    path = tmp_path / "privacy.key"
    first = KeyRing(path).first
    program = (
        "import sys, pathlib; from server.adapters.key_ring import KeyRing; KeyRing(pathlib.Path(sys.argv[1])).rotate()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    ring = read_ring(path)
    assert list(ring) == [1, 2, 3, 4]
    assert ring[1] == first
    assert len(set(ring.values())) == 4


def test_a_lost_or_changed_key_is_refused_by_a_running_server(tmp_path: Path) -> None:
    path = tmp_path / "privacy.key"
    ring = KeyRing(path)
    ring.rotate()
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(PreconditionFailed, match=r"^key file 'privacy.key' is gone: restore it"):
        ring.keys(MESH, "run")
    assert not path.exists()  # a new key in its place would quietly end every join
    load_key(path)
    with pytest.raises(PreconditionFailed, match="lost or changed a key that it had"):
        ring.keys(MESH, "run")
    path.write_bytes(whole)
    assert ring.keys(MESH, "run").version == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"k" * 31,
        b"{}",
        b"[]",
        b'{"format": 2, "keys": []}',
        b'{"format": 3, "keys": [{"version": 1, "secret": "AAAA"}]}',
        b'{"format": 2, "keys": [{"version": 1, "secret": "AAAA"}]}',
        b'{"format": 2, "keys": [{"version": 2, "secret": "' + b"A" * 43 + b'="}]}',
        b'{"format": 2, "keys": [{"version": 1, "secret": 5}]}',
    ],
)
def test_refuses_a_file_that_is_no_ring(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "privacy.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(PreconditionFailed) as refused:
        KeyRing(path)
    assert refused.value.message == (
        "key file 'privacy.key' does not hold a key ring: 32 bytes, or keys in format 2; restore it, or remove it to"
        " get a new key"
    )


def test_refuses_a_ring_that_is_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "privacy.key"
    KeyRing(path).rotate()
    path.chmod(0o640)
    with pytest.raises(PreconditionFailed, match=r"open to others \(mode 0640\)"):
        KeyRing(path)


def test_keys_of_every_use_differ() -> None:
    secret = bytes(32)
    keys = privacy_keys(secret, 2, "domain:a", "run 1")
    other = privacy_keys(secret, 2, "domain:a", "run 2")
    assert len({keys.token, keys.pseudonym[:32], keys.pseudonym[32:], keys.noise, secret, other.noise}) == 6
    assert (keys.token, keys.pseudonym) == (other.token, other.pseudonym)
