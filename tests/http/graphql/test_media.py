"""What a client accepts decides the media type of the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.http.graphql import media

OFFERS = (media.GRAPHQL, media.JSON, media.EVENTS)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", media.JSON),
        ("application/*", media.JSON),
        ("text/*", media.EVENTS),
        ("application/json", media.JSON),
        ("application/json; charset=utf-8", media.JSON),
        ("application/graphql-response+json", media.GRAPHQL),
        ("application/json, application/graphql-response+json", media.GRAPHQL),
        ("application/graphql-response+json;q=0.5, application/json", media.JSON),
        ("application/graphql-response+json;q=0.9, application/json;q=0.95, */*;q=0.1", media.JSON),
        ("application/graphql-response+json, application/json, text/event-stream", media.GRAPHQL),
        ("text/event-stream", media.EVENTS),
        ("APPLICATION/JSON", media.JSON),
        ("*/*, application/json;q=0", media.GRAPHQL),
        ("application/json;q=0", None),
        ("application/json;q=lots", None),
        ("application/json; charset=latin-1", None),
        ("text/plain", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_the_best_offer_is_taken(accept: str, chosen: str | None) -> None:
    assert media.preferred(accept, OFFERS, default=media.JSON) == chosen


@given(st.text(max_size=60))
def test_any_header_is_read_without_a_fault(accept: str) -> None:
    assert media.preferred(accept, OFFERS, default=media.JSON) in {*OFFERS, None}


def test_a_wildcard_does_not_name_a_page() -> None:
    assert not media.names("*/*", media.HTML)
    assert not media.names("text/*", media.HTML)
    assert not media.names("text/html;q=0", media.HTML)
    assert media.names("application/xml, text/html;q=0.9", media.HTML)


@pytest.mark.parametrize(
    ("content_type", "readable"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ('application/json; charset="utf-8"', True),
        ("application/json; charset=utf-16", False),
        ("application/graphql", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("application/jsonp", False),
        ("", False),
    ],
)
def test_bodies_are_json_in_utf8(content_type: str, readable: bool) -> None:
    assert media.is_json(content_type) is readable
