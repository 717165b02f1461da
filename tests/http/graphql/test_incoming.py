"""Where a key may stand in the payload of connection_init."""

import pytest

from server.http.graphql.incoming import authorization_in
from server.kernel.errors import Unauthenticated


@pytest.mark.parametrize(
    ("params", "authorization"),
    [
        ({}, None),
        ({"apiKey": None}, None),
        ({"other": 1}, None),
        ({"Authorization": "Bearer k"}, "Bearer k"),
        ({"authorization": "Bearer k"}, "Bearer k"),
        ({"apiKey": "k"}, "Bearer k"),
    ],
)
def test_a_key_is_found(params: dict[str, object], authorization: str | None) -> None:
    assert authorization_in(params) == authorization


@pytest.mark.parametrize(
    "params",
    [
        {"Authorization": "Bearer k", "apiKey": "k"},
        {"Authorization": "Bearer k", "authorization": "Bearer k"},
        {"apiKey": 7},
        {"authorization": ["Bearer k"]},
    ],
)
def test_a_key_that_is_no_text_or_not_alone_is_refused(params: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        authorization_in(params)
