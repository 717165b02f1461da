"""Reads a dataset's rows from a Lakemesh server: page by page to the terminal, or all of them into a file.

    API_KEY=lmk_... python client_examples/read_rows.py DATASET [--layer GOLD] [--where JSON] [--page 1000]
    API_KEY=lmk_... python client_examples/read_rows.py DATASET --into rows.parquet

--where is a RecordWhere, such as {"field": "celsius", "op": "GT", "value": 20}. The ending of --into says the format:
.ndjson, .csv, .parquet or .arrow. It needs the package `httpx`.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

ROWS = """query($name: ID!, $layer: Layer!, $where: RecordWhere, $page: Int!, $after: String) {
  dataset(name: $name) {
    records(layer: $layer, where: $where, first: $page, after: $after) {
      nodes pageInfo { hasNextPage endCursor }
    }
  }
}"""
ADDRESS = """query($name: ID!, $layer: Layer!, $where: RecordWhere, $format: DataFormat!) {
  dataset(name: $name) { streamUrl(layer: $layer, where: $where, format: $format) { url } }
}"""


def ask(http: httpx.Client, query: str, **variables: Any) -> Any:
    """The dataset of an answer."""
    answer = http.post("/graphql", json={"query": query, "variables": variables}).json()
    if "errors" in answer:
        error = answer["errors"][0]
        sys.exit(f"refused with {error['extensions']['code']}: {error['message']}")
    if answer["data"]["dataset"] is None:
        sys.exit(f"dataset {variables['name']!r} is not known")
    return answer["data"]["dataset"]


def pages(http: httpx.Client, **what: Any) -> Iterator[list[Any]]:
    """Each page's rows. A cursor stays at the catalog of the first page: no row comes twice, none is missed."""
    after: str | None = None
    while True:
        page = ask(http, ROWS, after=after, **what)["records"]
        yield page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return


def download(http: httpx.Client, file: Path, **what: Any) -> int:
    """Write all rows to a file; its size. Whatever the number of rows, one piece is held at a time."""
    address = ask(http, ADDRESS, format=file.suffix.removeprefix(".").upper(), **what)["streamUrl"]["url"]
    with httpx.stream("GET", address, timeout=60) as answer, file.open("wb") as target:
        answer.raise_for_status()
        return sum(target.write(piece) for piece in answer.iter_bytes())


def main() -> None:
    """Read the command line and the environment, and go."""
    parser = argparse.ArgumentParser(description="Read the rows of a dataset.")
    parser.add_argument("dataset")
    parser.add_argument("--layer", default="BRONZE", choices=["BRONZE", "SILVER", "GOLD"])
    parser.add_argument("--where", type=json.loads, default=None)
    parser.add_argument("--page", type=int, default=1_000)
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    what = {"name": given.dataset, "layer": given.layer, "where": given.where}
    server = os.environ.get("LAKEMESH", "http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
    with httpx.Client(base_url=server, headers=headers, timeout=60) as http:
        if given.into is not None:
            print(f"{given.into} has {download(http, given.into, **what)} bytes")
            return
        for rows in pages(http, page=given.page, **what):
            for row in rows:
                print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
