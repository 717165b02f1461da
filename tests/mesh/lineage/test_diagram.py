"""Pictures as text: the same for the same state, cut where a tool draws no more, and safe whatever a name holds."""

import io
import re
from dataclasses import replace

import networkx
import pytest

from server.kernel.external import External
from server.kernel.ids import Kind, Urn
from server.kernel.lineage import LineageDirection, LineageType
from server.mesh.lineage.diagram.mermaid import MOST_ARROWS, MOST_CHARACTERS
from server.mesh.lineage.diagram.picture import Box
from server.mesh.lineage.diagram.write import DiagramFormat, written
from server.mesh.lineage.neighbourhood import Asked, Link, Neighbourhood, Reached

ROOT = Urn("dataset:orders")
CRM = "external:crm/people"
ASKED = Asked(root=ROOT, position=7, direction=LineageDirection.BOTH, depth=2)
SMALL = Neighbourhood(
    root=ROOT,
    position=7,
    nodes=(Reached("product:sales", 1, 0.5), Reached(CRM, -1, 1.0)),
    links=(
        Link(CRM, ROOT, LineageType.DIRECT, 1.0, 3),
        Link(ROOT, "product:sales", LineageType.AGGREGATED, 0.5, 4),
        Link(CRM, "product:sales", LineageType.DERIVED, 0.12345, 5),
    ),
    total=2,
    left_out=None,
)
HOSTILE = (
    'a "quoted" name',
    "<b>bold</b> & <script>alert(1)</script>",
    "%%{init: {'theme': 'dark'}}%%",
    "`**markdown**`",
    "]); click n0 href",
    "end",
    "#quot; &quot; \\N \\n \\",
    "two  spaces\u2028and a line",
    "emoji 👩\u200d👩\u200d👧 and 客户",
    "עברית \u202eturned\u202c",
    "\ufffe\uffff",
    "x" * 500,
)


def test_writes_mermaid() -> None:
    assert (
        written(SMALL, ASKED, DiagramFormat.MERMAID)
        == """flowchart LR
  %% Lineage of dataset:orders, BOTH, depth 2, at position 7
  n0[("orders")]
  n1(["sales"])
  n2[/"people"/]
  n0 ==>|"AGGREGATED 0.5"| n1
  n2 -->|"DIRECT"| n0
  n2 -.->|"DERIVED 0.1235"| n1
  style n0 stroke-width:4px
"""
    )


def test_writes_dot() -> None:
    assert (
        written(SMALL, ASKED, DiagramFormat.DOT)
        == """digraph lineage {
  // Lineage of dataset:orders, BOTH, depth 2, at position 7
  rankdir=LR;
  node [fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
  n0 [label="orders", shape=cylinder, tooltip="dataset:orders", penwidth=4];
  n1 [label="sales", shape=box, tooltip="product:sales"];
  n2 [label="people", shape=parallelogram, tooltip="external:crm/people"];
  n0 -> n1 [label="AGGREGATED 0.5", style=bold];
  n2 -> n0 [label="DIRECT", style=solid];
  n2 -> n1 [label="DERIVED 0.1235", style=dashed];
}
"""
    )


def test_writes_graphml_that_networkx_reads() -> None:
    graph = graphml(SMALL)
    assert dict(graph.nodes(data=True)) == {
        "dataset:orders": {"name": "orders", "kind": "dataset", "depth": 0, "confidence": 1.0, "root": True},
        "product:sales": {"name": "sales", "kind": "product", "depth": 1, "confidence": 0.5, "root": False},
        CRM: {"name": "people", "kind": "external", "depth": -1, "confidence": 1.0, "root": False},
    }
    assert sorted(graph.edges(data=True)) == [
        ("dataset:orders", "product:sales", {"type": "AGGREGATED", "confidence": 0.5}),
        (CRM, "dataset:orders", {"type": "DIRECT", "confidence": 1.0}),
        (CRM, "product:sales", {"type": "DERIVED", "confidence": 0.12345}),
    ]
    assert graph.graph["title"] == "Lineage of dataset:orders, BOTH, depth 2, at position 7"
    assert graph.graph["missing"] == ""


@pytest.mark.parametrize(
    ("left_out", "total", "said"),
    [("depth", 2, "more lies beyond depth 2"), ("size", 9, "7 more assets are not shown")],
)
def test_a_picture_says_what_it_leaves_out(left_out: str, total: int, said: str) -> None:
    cut = Neighbourhood(root=ROOT, position=7, nodes=SMALL.nodes, links=SMALL.links, total=total, left_out=left_out)
    mermaid = written(cut, ASKED, DiagramFormat.MERMAID)
    assert f"  %% {said}\n" in mermaid
    assert f'  more["… {said}"]\n' in mermaid
    dot = written(cut, ASKED, DiagramFormat.DOT)
    assert f"  // {said}\n" in dot
    assert f'  more [label="… {said}", shape=note, style=dashed];\n' in dot
    assert graphml(cut).graph["missing"] == said


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_escapes_its_label(name: str) -> None:
    urn = External(namespace="x", name=name).urn
    shown = Neighbourhood(
        root=urn,
        position=1,
        nodes=(Reached("dataset:d", 1, 1.0),),
        links=(Link(urn, "dataset:d", LineageType.DIRECT, 1.0, 1),),
        total=1,
        left_out=None,
    )
    asked = Asked(root=urn, position=1, direction=LineageDirection.BOTH)
    mermaid = written(shown, asked, DiagramFormat.MERMAID).splitlines()
    assert len(mermaid) == 6
    assert re.fullmatch(r'  n0\[/"(?:[^"#%&\'<>\\`{}\[\]|*_~]|#\d+;)*"/\]', mermaid[2])
    assert "%%{" not in mermaid[1]
    dot = written(shown, asked, DiagramFormat.DOT).splitlines()
    assert len(dot) == 9
    quoted = r'"(?:[^"\\&]|\\\\|\\"|&amp;)*"'
    assert re.fullmatch(rf"  n0 \[label={quoted}, shape=parallelogram, tooltip={quoted}, penwidth=4\];", dot[5])
    graph = graphml(shown, asked)
    assert re.sub("[\ufffe\uffff]", "\ufffd", name) == graph.nodes[urn]["name"]


def test_mermaid_gets_what_it_draws_and_the_picture_says_so() -> None:
    nodes = tuple(Reached(f"dataset:d{number:04}", 1, 1.0) for number in range(MOST_ARROWS + 100))
    links = tuple(Link(ROOT, node.urn, LineageType.DIRECT, 1.0, 1) for node in nodes)
    star = Neighbourhood(root=ROOT, position=7, nodes=nodes, links=links, total=len(nodes), left_out="depth")
    text = written(star, ASKED, DiagramFormat.MERMAID)
    assert text.count("-->") == MOST_ARROWS
    assert len(text) < 50_000
    assert "%% 100 of the assets do not fit into a Mermaid chart, more lies beyond depth 2\n" in text
    assert written(star, ASKED, DiagramFormat.DOT).count("->") == len(nodes)


def test_mermaid_gets_no_longer_text_than_it_reads() -> None:
    nodes = tuple(Reached(External(namespace="x", name=f"{number:03}{'#' * 300}").urn, 1, 1.0) for number in range(400))
    wide = Neighbourhood(root=ROOT, position=7, nodes=nodes, links=(), total=len(nodes), left_out=None)
    text = written(wide, ASKED, DiagramFormat.MERMAID)
    assert MOST_CHARACTERS - 500 < len(text) < 50_000
    assert 100 < text.count('[/"') < 400


def graphml(shown: Neighbourhood, asked: Asked = ASKED) -> "networkx.DiGraph[str]":
    text = written(shown, asked, DiagramFormat.GRAPHML)
    graph = networkx.read_graphml(io.BytesIO(text.encode()))
    assert isinstance(graph, networkx.DiGraph)
    return graph


def test_a_label_is_one_line_that_turns_nothing_around_it() -> None:
    box = Box(
        number=0, urn="external:x/y", kind=Kind.EXTERNAL, name="a\u202eb\u2069c\u2028d\te", depth=0, confidence=1.0
    )
    assert (box.label, replace(box, name="x" * 81).label) == ("a b c d e", "x" * 79 + "…")
