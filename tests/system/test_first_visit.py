"""The first visit of a newcomer whose browser reaches no other server: the page is there and its example runs."""

from pathlib import Path

import pytest

from tests.http.graphql.chromium import BINARY, opened
from tests.http.graphql.test_page_browser import closed_port
from tests.system.serving import serving
from tests.system.story import register

pytestmark = pytest.mark.skipif(BINARY is None, reason="needs Chromium: install the package `chromium`")

CURSOR = "document.querySelector('#query').setSelectionRange({0}, {0})"
STATE = "document.querySelector('#state').textContent.startsWith({!r})"
GUARDED = """mutation {
  registerDataset(input: {name: "visits", schema: {day: "date"}}) { dataset { id } }
  createDataLake(input: {lakeId: "eu", name: "EU", owner: "o", region: "r", complianceLevel: GDPR}) { dataLake { id } }
  ingestDataset(input: {lake: "eu", dataset: "visits", dataSource: "web", recordCount: 1, containsPii: false}) {
    dataLake { id }
  }
}"""


async def test_the_example_runs_operation_by_operation(tmp_path: Path) -> None:
    assets = f"http://127.0.0.1:{closed_port()}"
    async with serving(tmp_path / "data", GRAPHIQL="true", GRAPHIQL_ASSETS=assets) as server:
        await register(server)
        async with opened(f"{server.url}/graphql") as tab:
            await tab.until("document.querySelector('#problem')?.textContent")
            await tab.click("#run")
            await tab.until(STATE.format("Answered in"))
            assert '"name": "people"' in await tab.text("#result")
            second = await tab.evaluate("document.querySelector('#query').value.indexOf('query WhatFeedsWhat') + 1")
            await tab.evaluate(CURSOR.format(second))
            await tab.click("#run")
            await tab.until("document.querySelector('#result').textContent.includes('dataProducts')")
            assert '"errors"' not in await tab.text("#result")
            await tab.fill("#key", server.key)
            end = await tab.evaluate("document.querySelector('#query').value.length")
            await tab.evaluate(CURSOR.format(end))
            await tab.click("#run")
            await tab.until(STATE.format("Subscribed"))
            await tab.evaluate(CURSOR.format(0))
            await tab.click("#run")
            await tab.until(STATE.format("Answered in"))


async def test_rows_of_a_guarded_lake_are_read_with_a_purpose(tmp_path: Path) -> None:
    assets = f"http://127.0.0.1:{closed_port()}"
    async with serving(tmp_path / "data", GRAPHIQL="true", GRAPHIQL_ASSETS=assets) as server:
        await server.ask(GUARDED)
        async with opened(f"{server.url}/graphql") as tab:
            await tab.until("document.querySelector('#problem')?.textContent")
            await tab.fill("#key", server.key)
            await tab.fill("#query", '{ dataset(name: "visits") { records { totalCount } } }')
            await tab.click("#run")
            await tab.until(STATE.format("Answered with errors"))
            assert "where each read needs a purpose" in await tab.text("#result")
            await tab.fill("#purpose", "Prüfung 118, Łódź")
            await tab.click("#run")
            await tab.until(STATE.format("Answered in"))
            assert '"totalCount": 0' in await tab.text("#result")
        log = await server.ask('{ dataLake(id: "eu") { accessLog { nodes { purpose } } } }')
        assert log["dataLake"]["accessLog"]["nodes"] == [{"purpose": "Prüfung 118, Łódź"}]
