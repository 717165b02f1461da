import json

import pytest

from server.http.refusals import STATUS, refusal_response
from server.kernel.errors import Refused, Unauthenticated, Unavailable


def subclasses(cls: type[Refused]) -> set[type[Refused]]:
    return {cls}.union(*(subclasses(child) for child in cls.__subclasses__()))


@pytest.mark.parametrize("refusal", sorted(subclasses(Refused), key=lambda cls: cls.__name__))
def test_every_refusal_has_a_status(refusal: type[Refused]) -> None:
    response = refusal_response(refusal("no"))
    assert response.status_code == STATUS[refusal.code]
    assert 400 <= response.status_code <= 599
    assert json.loads(response.body) == {"error": {"code": refusal.code, "message": "no"}}


def test_who_is_unknown_is_told_how_to_come() -> None:
    assert refusal_response(Unauthenticated("no key")).headers["www-authenticate"] == "Bearer"
    assert "www-authenticate" not in refusal_response(Unavailable("busy")).headers


def test_a_status_may_be_more_exact_than_its_code() -> None:
    assert refusal_response(Unavailable("full"), status=507).status_code == 507
