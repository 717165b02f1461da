"""The page is for browsers that ask for it, holds no script of its own and allows none but ours and the network's."""

import base64
import hashlib
import json
import re

import pytest

from server.http.graphql.page import SCRIPTS, STYLES, PageOptions
from tests.http.graphql.toy import client, toy

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def page_text(options: PageOptions) -> tuple[str, dict[str, str]]:
    async with client(toy(page=options)) as http:
        response = await http.get("/graphql", headers=BROWSER)
    assert response.status_code == 200
    return response.text, dict(response.headers)


def settings_of(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="settings">(.*?)</script>', text)
    assert found is not None
    settings: dict[str, object] = json.loads(found[1])
    return settings


async def test_a_browser_gets_the_page() -> None:
    text, headers = await page_text(
        PageOptions(title="My <mesh>", example="{ hello }", assets_url="https://cdn.example/npm")
    )
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert "<title>My &lt;mesh&gt;</title>" in text
    settings = settings_of(text)
    assert settings["endpoint"] == "/graphql"
    assert settings["example"] == "{ hello }"
    assert [file["url"] for file in settings["scripts"]] == [  # type: ignore[attr-defined,index]
        "https://cdn.example/npm/react@18.3.1/umd/react.production.min.js",
        "https://cdn.example/npm/react-dom@18.3.1/umd/react-dom.production.min.js",
        "https://cdn.example/npm/graphiql@3.8.3/graphiql.min.js",
        "https://cdn.example/npm/@graphiql/plugin-explorer@3.2.5/dist/index.umd.js",
    ]


async def test_scripts_come_from_here_and_from_the_network_only() -> None:
    text, headers = await page_text(PageOptions(assets_url="https://cdn.example/npm"))
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self' https://cdn.example/npm/; "
        "style-src 'self' 'unsafe-inline' https://cdn.example/npm/; font-src 'self' data: https://cdn.example/npm/; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    scripts = re.findall(r"<script ([^>]*)>", text)
    assert scripts == ['type="application/json" id="settings"', 'type="module" src="/graphql/assets/page.js"']
    assert " style=" not in text
    assert not re.search(r"\son\w+=", text)


async def test_files_of_this_server_need_no_other_source() -> None:
    _, headers = await page_text(PageOptions(assets_url="/files/npm"))
    assert "script-src 'self';" in headers["content-security-policy"]


async def test_an_example_cannot_leave_its_script() -> None:
    text, _ = await page_text(PageOptions(example="</script><script>alert(1)</script>"))
    assert "alert(1)</script>" not in text
    assert settings_of(text)["example"] == "</script><script>alert(1)</script>"


def test_every_file_of_the_network_is_pinned_by_version_and_digest() -> None:
    for file in (*SCRIPTS, *STYLES):
        assert re.match(r"(@[a-z]+/)?[a-z-]+@\d+\.\d+\.\d+/", file.path)
        method, _, digest = file.integrity.partition("-")
        assert (method, len(base64.b64decode(digest))) == ("sha384", hashlib.sha384().digest_size)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0, */*"])
async def test_others_do_not_get_the_page(accept: str) -> None:
    async with client(toy(page=PageOptions())) as http:
        response = await http.get("/graphql", headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/json; charset=utf-8")


async def test_a_query_in_the_address_is_answered_and_not_shown() -> None:
    async with client(toy(page=PageOptions())) as http:
        response = await http.get("/graphql", params={"query": "{hello}"}, headers=BROWSER)
    assert response.json()["data"] == {"hello": "hello world"}


async def test_the_page_needs_no_key_and_opens_no_context() -> None:
    it = toy(page=PageOptions())
    async with client(it) as http:
        response = await http.get("/graphql", headers={**BROWSER, "Authorization": "Bearer wrong"})
    assert response.status_code == 200
    assert it.world.contexts == []


async def test_without_a_page_there_is_none_and_no_files() -> None:
    async with client(toy()) as http:
        assert (await http.get("/graphql", headers=BROWSER)).status_code == 404
        assert (await http.get("/graphql/assets/page.js")).status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.js", "text/javascript"),
        ("console.js", "text/javascript"),
        ("page.css", "text/css"),
        ("favicon.svg", "image/svg+xml"),
    ],
)
async def test_our_own_files_are_served(name: str, kind: str) -> None:
    async with client(toy(page=PageOptions())) as http:
        response = await http.get(f"/graphql/assets/{name}")
        outside = await http.get("/graphql/assets/%2e%2e/page.py")
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, kind)
    assert outside.status_code == 404
