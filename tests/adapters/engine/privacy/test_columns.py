"""Functions over a column: each value as if it stood alone, whatever the chunks."""

import hashlib
import hmac

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.engine.privacy.columns import mask_column, pseudonym_column, token_column
from server.adapters.engine.privacy.keys import MESH, privacy_keys, pseudonymizer, revealed
from server.kernel.privacy_mask import masked

KEY = bytes(range(32))


def token(text: str) -> str:
    return "h1:" + hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None)
@given(st.lists(st.none() | TEXTS, max_size=12), st.integers(0, 12), st.binary(min_size=32, max_size=32))
def test_pseudonyms_are_reversible_and_know_no_chunks(cells: list[str | None], cut: int, secret: bytes) -> None:
    key = privacy_keys(secret, 3, MESH, "").pseudonym
    column = pa.array(cells, pa.string())
    made = pseudonym_column(key, 3)(column).to_pylist()
    parts = pseudonym_column(key, 3)
    assert parts(column[:cut]).to_pylist() + parts(column[cut:]).to_pylist() == made
    assert [None if each is None else revealed(key, each.removeprefix("p3:")) for each in made] == cells
    assert len(set(made)) == len(set(cells))


@settings(deadline=None)
@given(TEXTS, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_scopes_and_versions_share_no_value(text: str, first: bytes, second: bytes) -> None:
    scopes = [privacy_keys(first, 1, scope, "") for scope in (MESH, "domain:sales", "domain:people")]
    keys = [*scopes, privacy_keys(second, 2, MESH, "")] if first != second else scopes
    assert len({pseudonymizer(each.pseudonym)(text) for each in keys}) == len(keys)
    tokens = {token_column(each.token, each.version)(pa.array([text])).to_pylist()[0] for each in keys}
    assert len(tokens) == len(keys)


CELLS = st.lists(
    st.none()
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
    | st.text("ab1é@.- ", max_size=20)
    | st.from_regex(r"\A[a-zé.]{1,6}@[a-z]{1,5}\.[a-z]{2}\Z"),
    max_size=12,
)


@settings(deadline=None)
@given(CELLS, st.integers(0, 8), st.integers(0, 12))
def test_a_column_is_masked_as_each_text_alone(cells: list[str | None], keep: int, cut: int) -> None:
    column = pa.array(cells, pa.string())
    expected = [None if cell is None else masked(cell, keep) for cell in cells]
    mask = mask_column(keep)
    assert mask(column).to_pylist() == expected
    assert mask(column[:cut]).to_pylist() + mask(column[cut:]).to_pylist() == expected
    assert mask(pa.chunked_array([column[:cut], column[cut:]], pa.string())).to_pylist() == expected
    mask(column).validate(full=True)


@settings(deadline=None)
@given(CELLS, st.binary(min_size=32, max_size=32))
def test_a_token_is_the_keyed_digest_of_the_text(cells: list[str | None], key: bytes) -> None:
    made = token_column(key, 1)(pa.array(cells, pa.string())).to_pylist()
    assert made == [
        None if cell is None else "h1:" + hmac.new(key, cell.encode(), hashlib.sha256).hexdigest() for cell in cells
    ]


def test_a_column_of_more_values_than_are_remembered_is_hashed_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.adapters.engine.privacy.columns.REMEMBERED", 3)
    texts = [str(place) for place in range(10)] * 2
    assert token_column(KEY, 1)(pa.array(texts)).to_pylist() == [token(text) for text in texts]
