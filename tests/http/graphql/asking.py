"""Requests as the tests send them, and what they look for in the answers."""

import json
from typing import Any

import httpx
import pytest

from server.http.graphql import media

BOTH = pytest.mark.parametrize("accept", [media.JSON, media.GRAPHQL])
HELLO = {"query": "{hello}"}
COST = {"cost": {"cost": 1, "limit": 10000, "depth": 1}}


async def post(http: httpx.AsyncClient, body: Any, accept: str = media.JSON, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Accept": accept, "Content-Type": "application/json", **headers}
    return await http.post("/graphql", content=content, headers=sent)


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert error["message"]
    assert "data" not in response.json()
    return str(error["extensions"]["code"])
