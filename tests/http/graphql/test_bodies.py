"""JSON in and out is exact."""

from decimal import Decimal

import pytest
from starlette.requests import Request
from starlette.types import Message

from server.http.graphql import bodies
from server.http.graphql.declined import Declined


def test_a_decimal_is_written_digit_for_digit() -> None:
    value = Decimal("12345678901234567890123456789.123456789")
    assert bodies.encoded({"amount": value}) == '{"amount":12345678901234567890123456789.123456789}'


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), object()])
def test_what_has_no_json_form_is_a_fault(value: object) -> None:
    with pytest.raises(TypeError):
        bodies.encoded({"value": value})


@pytest.mark.parametrize("length", ["101", "9" * 5000])
async def test_a_body_that_says_it_is_too_large_is_not_read(length: str) -> None:
    async def receive() -> Message:
        raise AssertionError("nothing is to be read")

    headers = [(b"content-type", b"application/json"), (b"content-length", length.encode())]
    request = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}, receive)
    with pytest.raises(Declined) as declined:
        await bodies.posted(request, 100)
    assert declined.value.status == 413
