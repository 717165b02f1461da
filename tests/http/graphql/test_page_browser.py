"""The page in a real browser: GraphiQL where its files can be loaded, the built-in console where they cannot."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from server.http.graphql.page import PageOptions
from tests.http.graphql.chromium import BINARY, Tab, opened
from tests.http.graphql.toy import Toy, served, toy

PICTURES = os.environ.get("PAGE_PICTURES")  # a folder for screenshots
FILES = os.environ.get("PAGE_FILES")  # a folder with the packages as the network serves them

pytestmark = pytest.mark.skipif(BINARY is None, reason="needs Chromium: install the package `chromium`")


@asynccontextmanager
async def page(
    assets_url: str, it: Toy, load_seconds: float = 10.0, example: str = "query Hello { hello }"
) -> AsyncGenerator[Tab, None]:
    it.app.page = PageOptions(assets_url=assets_url, load_seconds=load_seconds, example=example)
    async with served(it.starlette) as port, opened(f"http://127.0.0.1:{port}/graphql") as tab:
        yield tab


async def picture(tab: Tab, name: str) -> None:
    if PICTURES:
        await tab.screenshot(Path(PICTURES) / f"{name}.png")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def blocked() -> str:
    """An address at which nothing answers."""
    return f"http://127.0.0.1:{closed_port()}"


def with_page() -> Toy:
    return toy(page=PageOptions())


async def test_the_console_says_why_it_is_there_and_runs_a_query(blocked: str) -> None:
    async with page(blocked, with_page()) as tab:
        await tab.until("document.querySelector('#problem')?.textContent")
        problem = await tab.text("#problem")
        assert problem.startswith("GraphiQL cannot be loaded: http://127.0.0.1:")
        assert problem.endswith("This built-in console does the same without completion and documentation.")
        await tab.fill("#query", "query($n: String){whoami hello(name: $n)}")
        await tab.fill("#variables", '{"n": "ada"}')
        await tab.fill("#key", "good")
        await tab.click("#run")
        await tab.until("document.querySelector('#state').textContent.startsWith('Answered')")
        result = await tab.text("#result")
        await picture(tab, "console-query")
        assert '"hello": "hello ada"' in result
        assert '"whoami": "ada ' in result
        assert [complaint for complaint in tab.complaints if blocked not in complaint] == []


async def test_the_console_shows_the_events_of_a_subscription(blocked: str) -> None:
    async with page(blocked, with_page()) as tab:
        await tab.until("document.querySelector('#query')")
        await tab.fill("#query", "# who\nsubscription Who { who }")
        await tab.fill("#key", "other")
        await tab.click("#run")
        await tab.until("document.querySelector('#state').textContent.startsWith('Subscription over')")
        assert '{"data":{"who":"grace"}' in await tab.text("#events li")
        await tab.fill("#query", "subscription { ticks(upto: 5) }")
        await tab.click("#run")
        await tab.until("document.querySelector('#state').textContent.startsWith('Subscription over after 5')")
        assert await tab.evaluate("document.querySelectorAll('#events li').length") == 5
        assert await tab.text("#state") == "Subscription over after 5 events: the server ended it"
        await picture(tab, "console-subscription")


async def test_the_console_stops_a_subscription(blocked: str) -> None:
    it = with_page()
    async with page(blocked, it) as tab:
        await tab.until("document.querySelector('#query')")
        await tab.fill("#query", "subscription { forever }")
        await tab.click("#run")
        await tab.until("document.querySelectorAll('#events li').length === 1")
        await tab.click("#stop")
        await it.world.stream_ended.wait()
        await tab.until("document.querySelector('#state').textContent === 'Subscription over after 1 event: stopped'")


async def test_the_console_shows_refusals(blocked: str) -> None:
    async with page(blocked, with_page()) as tab:
        await tab.until("document.querySelector('#query')")
        await tab.fill("#variables", "{")
        await tab.click("#run")
        await tab.until("document.querySelector('#state').textContent.startsWith('The variables')")
        await tab.fill("#variables", "")
        await tab.fill("#key", "wrong")
        await tab.click("#run")
        await tab.until("document.querySelector('#result').textContent.includes('UNAUTHENTICATED')")
        await tab.fill("#query", "subscription { ticks }")
        await tab.click("#run")
        await tab.until(
            "document.querySelector('#state').textContent === 'Subscription over after 0 events: Forbidden'"
        )


async def test_files_that_never_come_do_not_keep_the_console_away() -> None:
    it = with_page()
    release = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server, page(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", it, load_seconds=0.3) as tab:
        await tab.until("document.querySelector('#problem')?.textContent")
        assert "they did not come within 0.3 seconds" in await tab.text("#problem")
        release.set()


@pytest.mark.skipif(FILES is None, reason="needs PAGE_FILES: a folder with the packages of page.py in their layout")
@pytest.mark.parametrize(
    ("name", "document", "shown"),
    [
        ("query", "query Who { whoami }", '"whoami": "ada '),
        ("subscription-key", "subscription Who { who }", '"who": "ada"'),
        ("subscription", "subscription Ticks { ticks(upto: 3) }", '"ticks": 3'),
    ],
)
async def test_graphiql_runs_operations_with_a_key(name: str, document: str, shown: str) -> None:
    files = Starlette(
        routes=[Mount("/npm", StaticFiles(directory=FILES or "", follow_symlink=True))],
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"])],
    )
    headers = "document.querySelectorAll('.graphiql-editor-tool .CodeMirror')[1]"
    async with (
        served(files) as port,
        page(f"http://127.0.0.1:{port}/npm", with_page(), example=document) as tab,
    ):
        await tab.until(f"{headers} && document.querySelector('.graphiql-execute-button')")
        await tab.until("document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.documentAST")
        await tab.evaluate(headers + """.CodeMirror.setValue('{"Authorization": "Bearer good"}')""")
        await tab.click(".graphiql-execute-button")
        response = "document.querySelector('.graphiql-response .CodeMirror').CodeMirror.getValue()"
        await tab.until(f"{response}.includes({shown!r})")
        await picture(tab, f"graphiql-{name}")
        assert tab.complaints == []
        hosts = {address.split("/")[2] for address in tab.requested if address.startswith("http")}
        assert hosts == {f"127.0.0.1:{port}", await tab.evaluate("location.host")}
