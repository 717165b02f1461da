"""Pages written from the code itself: processes, permissions, settings, and the printed schema.

`python -m graphql_schema.documentation` names those that differ from the files; with `--write` it writes them.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    ast_from_value,
    get_named_type,
    print_ast,
)
from pydantic.fields import FieldInfo
from strawberry.utils.str_converters import to_camel_case

from graphql_schema.schema import build_schema
from server.kernel.permission import Permission
from server.mesh.slices import CODEC, SLICES
from server.settings import Settings

ROOT = Path(__file__).parents[1]
GENERATED = "<!-- Written by `python -m graphql_schema.documentation --write`: change the code, not this page. -->"

DOORS: dict[Permission, str] = {
    Permission.PUBLIC: "everybody",
    Permission.CATALOG: "everybody while `PUBLIC_READ` is true, else whoever has a key",
    Permission.ROWS: "an ADMIN key: rows of data, or what quotes them",
    Permission.AUDIT: "a COMPLIANCE or an ADMIN key: the log of events",
    Permission.COMPLIANCE: "a COMPLIANCE or an ADMIN key: erasure requests, audits of access and their proofs",
    Permission.CHANGE: "an ADMIN key: whatever records or moves something",
}
KINDS: dict[Any, str] = {  # by annotation
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    Path | None: "path",
}
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "pattern": "matches"}


def schema() -> GraphQLSchema:
    """The schema as graphql-core knows it."""
    return build_schema()._schema  # pyright: ignore[reportPrivateUsage]  # graphql-core's schema has no public name


def permission(field: GraphQLField) -> Permission | None:
    """What the field says that it needs."""
    declared: Permission | None = field.extensions["strawberry-definition"].metadata.get("permission")
    return declared


BY_ITSELF = {
    "BatchExpired": "A batch is let go when its contract keeps it no longer.",
    "DeletionDeadlineNear": "The deadline of an open erasure request is a week or a day away.",
    "DeletionOverdue": "The deadline of an open erasure request has passed.",
    "SubjectReappeared": "A batch brings rows of a person whose erasure was asked for.",
}


def records(field: GraphQLField) -> str:
    """What a mutation says of itself: its command and the events that it records."""
    return str(field.extensions["strawberry-definition"].base_resolver.wrapped_func.__doc__).strip()


def processes_page() -> str:
    """Every mutation with its input, every event with its data."""
    graph = schema()
    lines = [
        "# Processes",
        GENERATED,
        "Each process is a mutation; what it did is an event of the log. A refused mutation records nothing.",
        "## Mutations",
    ]
    assert graph.mutation_type is not None, "the schema has mutations"
    for name, field in graph.mutation_type.fields.items():
        lines += [f"### {name}", f"{field.description} `{records(field)}` Answers `{field.type}`."]
        taken = get_named_type(field.args["input"].type)
        assert isinstance(taken, GraphQLInputObjectType), "each mutation takes one input"
        rows = [(code(key), code(one.type), default(one), one.description) for key, one in taken.fields.items()]
        lines.append(table(("input", "type", "default", "meaning"), rows))
    lines += ["## Without a mutation", *(f"{told} `-> {name}`" for name, told in BY_ITSELF.items())]
    lines += [
        "## Events",
        "The data of an event is stored as JSON under the names of the first column. In the graph each event is a type"
        " of its own; a reference gives the thing itself, as it stood just after the event.",
    ]
    for part in SLICES:
        for event in part.events:
            lines += event_section(graph, part.name, event)
    return page(lines)


def event_section(graph: GraphQLSchema, part: str, event: type) -> list[str]:
    """An event's heading, meaning and data."""
    node = graph.type_map[event.__name__]
    assert isinstance(node, GraphQLObjectType), "each event is a type of the graph"
    shown = [(one.name, node.fields[to_camel_case(one.name)]) for one in dataclasses.fields(event)]
    rows = [(code(name), code(field.type), field.description) for name, field in shown]
    about = f"{node.description} (Slice `{part}`, shape {CODEC.shape(event)}.)"
    return [f"### {event.__name__}", about, table(("data", "in the graph", "meaning"), rows)]


def permissions_page() -> str:
    """What each guarded field asks of its caller."""
    graph = schema()
    kinds = [kind for kind in graph.type_map.values() if isinstance(kind, GraphQLObjectType)]
    roots = [root for root in (graph.query_type, graph.mutation_type, graph.subscription_type) if root is not None]
    inner = sorted((kind for kind in kinds if kind not in roots), key=lambda kind: kind.name)
    return page(
        [
            "# Permissions",
            GENERATED,
            "Each field at the root of the graph says what it needs. A field of a type that is not listed here"
            " needs what the field needs through which it was reached. Whoever asks `node` or `nodes` for a grant or an"
            " event needs what the lists of them need.",
            table(("permission", "opens to"), [(code(door), meaning) for door, meaning in DOORS.items()]),
            "## At the root",
            table(("field", "permission", "gives"), guarded_rows(roots)),
            "## Inside types",
            table(("field", "permission", "gives"), guarded_rows(inner)),
        ]
    )


def guarded_rows(kinds: Iterable[GraphQLObjectType]) -> list[tuple[str, str, str | None]]:
    """The fields of these types that declare a permission."""
    return [
        (code(f"{kind.name}.{name}"), code(needed), field.description)
        for kind in kinds
        for name, field in kind.fields.items()
        if (needed := permission(field) if "strawberry-definition" in field.extensions else None) is not None
    ]


def settings_page() -> str:
    """Every setting."""
    rows = [
        (code(name.upper()), kind(field), setting_default(field), field.description)
        for name, field in Settings.model_fields.items()
    ]
    return page(
        [
            "# Settings",
            GENERATED,
            "Each setting is an environment variable, read once when a command starts.",
            table(("variable", "type", "default", "meaning"), rows),
        ]
    )


def kind(field: FieldInfo) -> str:
    """A setting's type and bounds in words."""
    found = {name: getattr(limit, name) for limit in field.metadata for name in BOUNDS if hasattr(limit, name)}
    bounds = [f"{BOUNDS[name]} {code(value)}" for name, value in found.items() if value is not None]
    return ", ".join([KINDS[field.annotation], *bounds])


def setting_default(field: FieldInfo) -> str:
    """A setting's default as one would write it into the environment."""
    value = field.default
    return "" if value in (None, "") else code(str(value).lower() if isinstance(value, bool) else value)


def default(field: GraphQLInputField) -> str:
    """An input's default as GraphQL writes it; empty where it has none."""
    if field.default_value is Undefined:
        return ""
    node = ast_from_value(field.default_value, field.type)
    return "" if node is None else code(print_ast(node))


def code(value: object) -> str:
    """A value as code in Markdown."""
    return f"`{value}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell(one) for one in line) + " |" for line in lines)


def cell(text: str | None) -> str:
    """A text that may stand in a table: bars escaped, on one line."""
    return " ".join((text or "").replace("|", "\\|").split())


def page(blocks: Iterable[str]) -> str:
    """Blocks with an empty line between."""
    return "\n\n".join(blocks) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/processes.md": processes_page,
    "docs/permissions.md": permissions_page,
    "docs/settings.md": settings_page,
    "graphql_schema/schema.graphql": lambda: build_schema().as_str() + "\n",
}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or name those that are not as the code says; status 1 then."""
    differing = [name for name, render in PAGES.items() if written(ROOT / name) != render()]
    for name in differing:
        if "--write" in arguments:
            (ROOT / name).write_text(PAGES[name](), encoding="utf-8")
        sys.stdout.write(f"{'written' if '--write' in arguments else 'differs'}: {name}\n")
    return 1 if differing and "--write" not in arguments else 0


def written(path: Path) -> str | None:
    """What the file holds; None where there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
