"""Who asks, and under which correlation id."""

import httpx
import pytest

from tests.http.graphql.asking import BOTH, HELLO, code, post
from tests.http.graphql.toy import Toy, client, toy


@pytest.mark.parametrize("given", ["c-1", "a b", "~" * 128])
async def test_a_well_formed_correlation_id_is_taken_over(given: str) -> None:
    it = toy()
    async with client(it) as http:
        response = await post(http, HELLO, **{"X-Correlation-Id": given})
    assert response.headers["x-correlation-id"] == given
    assert [context.correlation_id for context in it.world.contexts] == [given]


@pytest.mark.parametrize("given", ["", "~" * 129, "caf\xe9", "a\tb"])
async def test_another_correlation_id_is_replaced(given: str) -> None:
    it = toy()
    async with client(it) as http:
        headers = [(b"X-Correlation-Id", given.encode("latin-1"))]
        response = await http.post("/graphql", json=HELLO, headers=headers)
    made = response.headers["x-correlation-id"]
    assert made != given
    assert [context.correlation_id for context in it.world.contexts] == [made]
    assert len(made) == 36


async def test_refused_requests_have_a_correlation_id_too(http: httpx.AsyncClient) -> None:
    response = await http.put("/graphql", headers={"X-Correlation-Id": "c-9"})
    assert (response.status_code, response.headers["x-correlation-id"]) == (405, "c-9")


@pytest.mark.parametrize(
    ("authorization", "caller"), [(None, "anybody"), ("Bearer good", "ada"), ("Bearer other", "grace")]
)
async def test_the_caller_is_whom_the_key_names(authorization: str | None, caller: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    async with client(toy()) as http:
        response = await post(http, {"query": "{whoami}"}, **{"X-Correlation-Id": "c"}, **headers)
    assert response.json()["data"] == {"whoami": f"{caller} c"}


@BOTH
async def test_an_unknown_key_is_401(http: httpx.AsyncClient, accept: str) -> None:
    response = await post(http, HELLO, accept, Authorization="Bearer wrong")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json() == {
        "errors": [{"message": "the key is not known; check it", "extensions": {"code": "UNAUTHENTICATED"}}]
    }


async def test_two_keys_are_401(http: httpx.AsyncClient) -> None:
    headers = [("Authorization", "Bearer good"), ("Authorization", "Bearer other")]
    assert (await http.post("/graphql", json=HELLO, headers=headers)).status_code == 401


async def test_keys_that_cannot_be_checked_are_503(http: httpx.AsyncClient) -> None:
    response = await post(http, HELLO, Authorization="Bearer away")
    assert (response.status_code, code(response), response.headers["retry-after"]) == (503, "UNAVAILABLE", "1")


async def test_a_fault_before_the_operation_is_masked(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await post(http, HELLO, Authorization="Bearer fault", **{"X-Correlation-Id": "c-3"})
    assert response.status_code == 500
    assert response.json() == {
        "errors": [{"message": "internal error", "extensions": {"code": "INTERNAL", "correlationId": "c-3"}}]
    }
    assert len([record for record in caplog.records if "c-3" in record.getMessage()]) == 1


async def test_each_operation_has_a_context_and_a_deadline_of_its_own() -> None:
    it: Toy = toy()
    async with client(it) as http:
        await post(http, HELLO)
        await post(http, HELLO)
    first, second = it.world.contexts
    assert first is not second
    assert first.deadline is not second.deadline
    assert first.deadline.seconds == 30
