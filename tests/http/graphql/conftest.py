"""A client of the toy application."""

from collections.abc import AsyncGenerator

import httpx
import pytest

from tests.http.graphql.toy import client, toy


@pytest.fixture
async def http() -> AsyncGenerator[httpx.AsyncClient, None]:
    async with client(toy()) as it:
        yield it
