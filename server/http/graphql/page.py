"""The page at the GraphQL path: GraphiQL from a content delivery network, our own console where it cannot be loaded."""

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from server.kernel.record import record

ASSETS = Path(__file__).parent / "assets"
EXAMPLE = """# Ctrl-Enter runs the operation under the cursor, Ctrl-Space completes.
# A key goes into the headers below: {"Authorization": "Bearer <your API key>"}
query Welcome {
  __typename
}
"""


@record
class PageFile:
    """A file of a package as the network serves it: `<assets_url>/<path>`, and the digest that browsers check."""

    path: str
    integrity: str


SCRIPTS = (
    PageFile(
        path="react@18.3.1/umd/react.production.min.js",
        integrity="sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    ),
    PageFile(
        path="react-dom@18.3.1/umd/react-dom.production.min.js",
        integrity="sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    ),
    PageFile(
        path="graphiql@3.8.3/graphiql.min.js",
        integrity="sha384-HbRVEFG0JGJZeAHCJ9Xm2+tpknBQ7QZmNlO/DgZtkZ0aJSypT96YYGRNod99l9Ie",
    ),
    PageFile(
        path="@graphiql/plugin-explorer@3.2.5/dist/index.umd.js",
        integrity="sha384-5p6hGdlOTvUy6Wf0GauxCz+xM9YB/YYvcGG+bf9msr2eyd+KVIxgRkepHgUijedJ",
    ),
)
STYLES = (
    PageFile(
        path="graphiql@3.8.3/graphiql.min.css",
        integrity="sha384-Mq3vbRBY71jfjQAt/DcjxUIYY33ksal4cgdRt9U/hNPvHBCaT2JfJ/PTRiPKf0aM",
    ),
    PageFile(
        path="@graphiql/plugin-explorer@3.2.5/dist/style.css",
        integrity="sha384-YN9MumWidbWKuNj8VfH5ggrFvm9YqAoIOMnKYpeGL3dr7Eg1qnQ+SAqSthdNZCjz",
    ),
)


@record
class PageOptions:
    """`assets_url`: where packages are served as `<name>@<version>/<file>`, without a slash at the end.

    Another origin must allow cross-origin reads (CORS), which the browser needs to check the digests.
    """

    assets_url: str = "https://cdn.jsdelivr.net/npm"
    title: str = "Lakemesh"
    example: str = EXAMPLE
    load_seconds: float = 10.0


def page_assets() -> StaticFiles:
    """Our own scripts, style and icon, to be mounted at `<path>/assets`."""
    return StaticFiles(directory=ASSETS)


def page_response(options: PageOptions, path: str) -> HTMLResponse:
    """The page, for the GraphQL path `path`."""
    settings = {
        "endpoint": path,
        "example": options.example,
        "loadSeconds": options.load_seconds,
        "scripts": [_file(options, file) for file in SCRIPTS],
        "styles": [_file(options, file) for file in STYLES],
    }
    text = (ASSETS / "page.html").read_text(encoding="utf-8")
    text = text.replace("{{title}}", escape(options.title)).replace("{{assets}}", escape(f"{path.rstrip('/')}/assets"))
    text = text.replace("{{settings}}", orjson.dumps(settings).decode().replace("<", "\\u003c"))
    return HTMLResponse(text, headers={**_security(options), "Cache-Control": "no-store"})


def _file(options: PageOptions, file: PageFile) -> dict[str, str]:
    return {"url": f"{options.assets_url}/{file.path}", "integrity": file.integrity}


def _security(options: PageOptions) -> dict[str, str]:
    """Scripts run from here and from the network only, none stand in the page; styles are set by GraphiQL itself."""
    parts = urlsplit(options.assets_url)
    source = f"{parts.scheme}://{parts.netloc}{parts.path}/" if parts.netloc else ""
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' {source}",
        "style-src": f"'self' 'unsafe-inline' {source}",
        "font-src": f"'self' data: {source}",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}".strip() for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
