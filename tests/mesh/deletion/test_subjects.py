"""Subjects sealed and known again."""

import base64
import hmac
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.key_ring import KeyRing
from server.adapters.subject_keys import SubjectKeys
from server.kernel.errors import PreconditionFailed
from server.kernel.ids import Urn
from server.kernel.subject import SHORTEST, normalised
from server.mesh.deletion.subjects import Subjects

EU, US = Urn("lake:eu"), Urn("lake:us")


def opened(folder: Path) -> Subjects:
    return Subjects(KeyRing(folder / "privacy.key"), SubjectKeys(folder / "subjects"))


def test_a_sealed_id_opens_until_its_key_is_destroyed(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    sealed, other = subjects.seal(EU, "  mu\u0308ller-7 "), subjects.seal(EU, "m\u00fcller-7")
    assert sealed.deletion != other.deletion
    assert UUID(sealed.deletion.removeprefix("deletion:")).version == 4
    assert (sealed.digest, sealed.encrypted != other.encrypted) == (other.digest, True)
    again = opened(tmp_path)
    assert again.open(sealed.deletion, sealed.encrypted) == "m\u00fcller-7"
    again.destroy(sealed.deletion)
    assert subjects.open(sealed.deletion, sealed.encrypted) is None
    assert subjects.open(other.deletion, other.encrypted) == "m\u00fcller-7"


def test_a_sealed_id_opens_for_its_own_request_only(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    sealed, other = subjects.seal(EU, "user-7"), subjects.seal(EU, "user-8")
    for deletion, encrypted in (
        (sealed.deletion, other.encrypted),
        (other.deletion, sealed.encrypted),
        (sealed.deletion, "no base64!"),
        (sealed.deletion, ""),
    ):
        with pytest.raises(PreconditionFailed, match="is not the one that its subject was sealed with"):
            subjects.open(deletion, encrypted)
    keys = tmp_path / "subjects"
    moved = keys / other.deletion.removeprefix("deletion:")
    moved.write_bytes((keys / sealed.deletion.removeprefix("deletion:")).read_bytes())
    with pytest.raises(PreconditionFailed):  # the right key for another request's text is bound to that request
        subjects.open(other.deletion, sealed.encrypted)


def test_a_digest_is_keyed_and_differs_from_lake_to_lake(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    digest = subjects.digest(EU, "user-7")
    assert digest == hmac.digest(subjects.digest_key(EU), b"user-7", "sha256").hex()
    assert digest == subjects.digest(Urn("lake:EU"), " user-7 ") == opened(tmp_path).digest(EU, "user-7")
    assert len({digest, subjects.digest(US, "user-7"), subjects.digest(EU, "User-7")}) == 3
    (tmp_path / "other").mkdir()
    assert opened(tmp_path / "other").digest(EU, "user-7") != digest


def test_a_digest_outlasts_a_rotation_of_the_key_ring(tmp_path: Path) -> None:
    before = opened(tmp_path).digest(EU, "user-7")
    KeyRing(tmp_path / "privacy.key").rotate()
    assert opened(tmp_path).digest(EU, "user-7") == before


IDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=3, max_size=60)


@given(IDS.filter(lambda id: len(normalised(id)) >= SHORTEST))
@settings(deadline=None)  # keys are written through to the disk
def test_a_sealed_text_tells_little_of_its_length(tmp_path_factory: pytest.TempPathFactory, id: str) -> None:
    subjects = opened(tmp_path_factory.mktemp("keys"))
    sealed = base64.b64decode(subjects.seal(EU, id).encrypted)
    assert len(sealed) == 12 + 256 + 16
    assert subjects.open(*_opening(subjects, id)) is not None


def _opening(subjects: Subjects, id: str) -> tuple[Urn, str]:
    sealed = subjects.seal(EU, id)
    return sealed.deletion, sealed.encrypted


def test_knows_which_keys_are_older(tmp_path: Path) -> None:
    subjects = opened(tmp_path)
    assert subjects.sealed_before(datetime.max.replace(tzinfo=UTC)) == []
    sealed = subjects.seal(EU, "user-7")
    assert subjects.sealed_before(datetime.max.replace(tzinfo=UTC)) == [sealed.deletion]
    assert subjects.sealed_before(datetime(2020, 1, 1, tzinfo=UTC)) == []
