"""Where a request says what it reads for."""

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from server.http.purpose import purpose_of
from server.kernel.errors import BadUserInput


def connection(*purposes: bytes) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [(b"x-purpose", purpose) for purpose in purposes]})


@pytest.mark.parametrize(
    ("headers", "params", "purpose"),
    [
        ([], None, None),
        ([], {}, None),
        ([b"audit"], None, "audit"),
        (["Prüfung".encode()], None, "Prüfung"),
        (["Prüfung".encode("latin-1")], None, "Prüfung"),
        ([], {"purpose": "audit"}, "audit"),
        ([], {"X-Purpose": "audit", "Authorization": "Bearer k"}, "audit"),
        ([], {"x-purpose": "audit", "purpose": None}, "audit"),
        ([b"audit"], {"Authorization": "Bearer k"}, "audit"),
    ],
)
def test_a_header_or_the_payload_of_a_socket_says_it(
    headers: list[bytes], params: Mapping[str, Any] | None, purpose: str | None
) -> None:
    assert purpose_of(connection(*headers), params) == purpose


@pytest.mark.parametrize(
    ("headers", "params", "said"),
    [
        ([b"a", b"b"], None, "the request gives 2 purposes; send one as the header X-Purpose"),
        ([b"a"], {"purpose": "a"}, "the request gives 2 purposes; send one as the header X-Purpose"),
        ([], {"purpose": 7}, "purpose in connection_init is no text; write it as a text"),
        ([], {"purpose": "a\0"}, "X-Purpose holds a control character; write plain text"),
        ([b""], None, "X-Purpose is empty; say in a few words why the data is read"),
        ([b"x" * 257], None, "X-Purpose has 257 characters; 256 are allowed"),
    ],
)
def test_refuses_two_and_what_is_none(headers: list[bytes], params: Mapping[str, Any] | None, said: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        purpose_of(connection(*headers), params)
    assert refused.value.message == said
