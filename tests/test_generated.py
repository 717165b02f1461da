"""What is written from the code is as the code says, and the code says everything."""

import re
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLField

from graphql_schema import documentation
from graphql_schema.documentation import BY_ITSELF, DOORS, PAGES, ROOT, main, permission, records, schema
from graphql_schema.guard import Guard
from server.kernel.permission import Permission
from server.mesh.slices import CODEC
from server.settings import Settings

GRAPH = schema()
ROOTS = [root for root in (GRAPH.query_type, GRAPH.mutation_type, GRAPH.subscription_type) if root is not None]
ROOT_FIELDS = [(f"{root.name}.{name}", field) for root in ROOTS for name, field in root.fields.items()]
EVENT_NAME = re.compile(r"\b[A-Z]\w+")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_file_is_as_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), (
        "run `python -m graphql_schema.documentation --write`"
    )


def test_names_the_files_that_differ_and_writes_them_only_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(documentation, "ROOT", tmp_path)
    for name in PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / "docs/settings.md").write_text(PAGES["docs/settings.md"](), encoding="utf-8")
    others = [name for name in PAGES if name != "docs/settings.md"]
    assert main([]) == 1
    assert capsys.readouterr().out.splitlines() == [f"differs: {name}" for name in others]
    assert [name for name in others if (tmp_path / name).exists()] == []
    assert main(["--write"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"written: {name}" for name in others]
    assert main([]) == 0
    assert capsys.readouterr().out == ""


def test_everything_in_the_graph_has_a_description() -> None:
    silent: list[str] = []
    for name, kind in GRAPH.type_map.items():
        if name.startswith("__"):
            continue
        parts = {name: kind}
        for field_name, field in getattr(kind, "fields", {}).items():
            parts[f"{name}.{field_name}"] = field
            parts |= {f"{name}.{field_name}({key})": one for key, one in getattr(field, "args", {}).items()}
        if isinstance(kind, GraphQLEnumType):
            parts |= {f"{name}.{key}": value for key, value in kind.values.items()}
        silent += [part for part, one in parts.items() if not (one.description or "").strip()]
    assert silent == []


@pytest.mark.parametrize(("name", "field"), ROOT_FIELDS, ids=[name for name, _ in ROOT_FIELDS])
def test_every_root_field_declares_a_permission_and_asks_for_it(name: str, field: GraphQLField) -> None:
    declared = permission(field)
    assert isinstance(declared, Permission)
    if not name.startswith("Subscription."):  # a guard cannot stand before a stream: its resolver asks first
        guards = [one for one in field.extensions["strawberry-definition"].extensions if isinstance(one, Guard)]
        assert [guard.permission for guard in guards] == [declared]


def test_every_mutation_needs_the_right_to_change_but_those_on_erasure_and_audits() -> None:
    assert GRAPH.mutation_type is not None
    needed = {name: permission(field) for name, field in GRAPH.mutation_type.fields.items()}
    others = {name: one for name, one in needed.items() if one is not Permission.CHANGE}
    deletions = [f"{verb}GdprDeletion" for verb in ("request", "process", "hold", "release", "reject")]
    assert others == dict.fromkeys([*deletions, "auditAccess"], Permission.COMPLIANCE)


def test_every_mutation_forgets_what_was_read_before_it() -> None:
    assert GRAPH.mutation_type is not None
    for field in GRAPH.mutation_type.fields.values():
        (guard,) = [one for one in field.extensions["strawberry-definition"].extensions if isinstance(one, Guard)]
        assert guard.changes


def test_every_event_is_recorded_by_a_mutation_and_no_mutation_names_another() -> None:
    assert GRAPH.mutation_type is not None
    told = [records(field).partition("->")[2] for field in GRAPH.mutation_type.fields.values()]
    by_mutations = {name for text in told for name in EVENT_NAME.findall(text)}
    assert by_mutations | set(BY_ITSELF) == set(CODEC.types)
    assert not by_mutations & set(BY_ITSELF)


def test_every_permission_says_to_whom_it_opens() -> None:
    assert set(DOORS) == set(Permission)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_meaning_and_a_default(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    assert not field.is_required()
