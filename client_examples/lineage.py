"""Tells a Lakemesh server what a report is made of, asks what a change would break, and prints a picture of it all.

    API_KEY=lmk_... python client_examples/lineage.py [PREFIX] > lineage.mmd

PREFIX begins the names of what is made; without it a new one is chosen. The picture goes to the standard output, in
Mermaid; all else is told beside it. It needs the package `httpx`.
"""

import os
import sys
import uuid
from typing import Any

import httpx

SALES = {"sold_on": "date", "shop": "string", "amount": "decimal(10,2)"}
REPORT = {"month": "date", "total": "decimal(12,2)"}
SQL = "select date_trunc('month', sold_on) as month, sum(amount) as total from {} group by 1"
IMPACT = """query($of: ID!, $columns: [String!]) {
  impact(of: $of, columns: $columns) { assets { asset { id } depth confidence } contracts { id } consumers complete }
}"""
DIAGRAM = "query($of: ID!) { lineageDiagram(of: $of, format: MERMAID) }"


class Mesh:
    """A GraphQL client. Every mutation carries a key, so that it may be sent again without happening twice."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer."""
        answer = self._http.post("/graphql", json={"query": query, "variables": variables}).json()
        if "errors" in answer:
            error = answer["errors"][0]
            sys.exit(f"refused with {error['extensions']['code']}: {error['message']}")
        return answer["data"]

    def run(self, mutation: str, selection: str, **given: Any) -> Any:
        """What a mutation answers."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {selection} }} }}"
        return self.ask(query, input=given)[mutation]

    def connect(self, source: str, target: str, **terms: Any) -> None:
        """Register an edge and tell which columns it knows."""
        edge = self.run(
            "registerLineage",
            "edge { id columns { target sources indirect } columnsUnknown }",
            source=source,
            target=target,
            idempotencyKey=f"connect {source} {target}",
            **terms,
        )["edge"]
        tell(f"{source} -> {target}")
        for column in edge["columns"]:
            tell(f"  {column['target']} is made of {column['sources']} and hangs on {column['indirect']}")
        if edge["columnsUnknown"] is not None:
            tell(f"  its columns are not known: {edge['columnsUnknown']}")


def tell(what: str) -> None:
    """Say it beside the picture."""
    print(what, file=sys.stderr)


def play(mesh: Mesh, prefix: str) -> str:
    """Register it, ask what would break; the answer is the picture."""
    domain, sales, report = f"{prefix}-shop", f"{prefix}-sales", f"{prefix}-report"
    mesh.run("createDomain", "domain { id }", name=domain, owner="ann@example.com", idempotencyKey=f"create {domain}")
    mesh.run(
        "registerDataset",
        "dataset { id }",
        name=sales,
        domain=domain,
        schema=SALES,
        idempotencyKey=f"register {sales}",
    )
    mesh.run(
        "registerDataProduct",
        "dataProduct { id }",
        name=report,
        domain=domain,
        owner="ann@example.com",
        schema=REPORT,
        idempotencyKey=f"register {report}",
    )
    mesh.connect(f"external:{prefix}/till", f"dataset:{sales}", sourceKind="JOB")
    sql = SQL.format(f'"{sales}"')
    mesh.connect(f"dataset:{sales}", f"product:{report}", lineageType="AGGREGATED", sql=sql, sqlDialect="duckdb")
    mesh.connect(f"product:{report}", f"external:{prefix}/dashboard", confidence=0.8, targetKind="OTHER")
    for column in SALES:
        impact = mesh.ask(IMPACT, of=f"dataset:{sales}", columns=[column])["impact"]
        met = ", ".join(f"{node['asset']['id']} ({node['confidence']})" for node in impact["assets"])
        tell(f"a change of {column!r} would meet: {met or 'nothing'}")
    return str(mesh.ask(DIAGRAM, of=f"dataset:{sales}")["lineageDiagram"])


def main() -> None:
    """Read the environment and go."""
    server = os.environ.get("LAKEMESH", "http://127.0.0.1:8000")
    headers = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
    prefix = sys.argv[1] if len(sys.argv) > 1 else f"example-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=server, headers=headers, timeout=60) as http:
        print(play(Mesh(http), prefix), end="")


if __name__ == "__main__":
    main()
