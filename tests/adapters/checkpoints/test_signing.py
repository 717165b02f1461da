import base64
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.adapters.checkpoints.signing import CheckpointKey
from server.adapters.checkpoints.statement import instant_text, sign_checkpoint
from server.kernel.errors import PreconditionFailed

# The first test vector of RFC 8032, section 7.1: seed, public key, signature of nothing.
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
SIGNATURE = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
    "655141438e7a100b"
)


def key_of(path: Path, seed: bytes) -> CheckpointKey:
    path.write_bytes(seed)
    path.chmod(0o600)
    return CheckpointKey(path)


def test_signs_as_the_standard_says(tmp_path: Path) -> None:
    key = key_of(tmp_path / "k", bytes.fromhex(SEED))
    assert base64.b64decode(key.public_key).hex() == PUBLIC
    assert base64.b64decode(key.sign(b"")).hex() == SIGNATURE


def test_a_checkpoint_is_signed_over_exactly_these_bytes(tmp_path: Path) -> None:
    key = CheckpointKey(tmp_path / "k")
    at = datetime(2026, 1, 31, 14, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    made = sign_checkpoint(key, 500, "ab" * 32, at)
    assert made.at == "2026-01-31T12:00:00+00:00"
    content = b"lakemesh-checkpoint-1\n500\n" + b"ab" * 32 + b"\n2026-01-31T12:00:00+00:00\n"
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(made.public_key))
    public.verify(base64.b64decode(made.signature), content)
    assert made.public_key == key.public_key


def test_an_instant_is_written_as_the_graph_prints_it() -> None:
    assert instant_text(datetime(2026, 1, 31, tzinfo=UTC)) == datetime(2026, 1, 31, tzinfo=UTC).isoformat()


def test_makes_a_private_key_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "checkpoint.key"
    assert CheckpointKey(path).public_key == CheckpointKey(path).public_key
    assert path.stat().st_mode & 0o777 == 0o600


def test_takes_a_key_that_replaced_it(tmp_path: Path) -> None:
    key = key_of(tmp_path / "k", bytes(32))
    before = key.signed(b"x")
    (tmp_path / "k").write_bytes(b"1" * 32)
    assert key.signed(b"x") != before
    assert key.public_key == CheckpointKey(tmp_path / "k").public_key


def test_makes_no_other_key_while_it_runs(tmp_path: Path) -> None:
    key = CheckpointKey(tmp_path / "k")
    (tmp_path / "k").unlink()
    with pytest.raises(PreconditionFailed, match="key file 'k' is gone"):
        key.sign(b"x")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_key_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(bytes(32))
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(PreconditionFailed, match="open to others"):
        CheckpointKey(tmp_path / "k")
