"""Operations that ask a catalog for everything that the schema says it has, as the schema stands."""

from collections.abc import Iterator

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, Undefined, get_named_type, is_leaf_type
from graphql.type.definition import is_interface_type, is_object_type

# What is not of the past: files and rows as they stand now, addresses made anew, and secrets.
OF_NOW = {"records", "streamUrl", "recordCount", "rejectedRows", "sample", "url", "subjectId"}
SOME = 5  # things of a page inside a thing


def operations(schema: GraphQLSchema, *, deep: bool) -> dict[str, str]:
    """For each field of Catalog that needs no argument: its selection. Not `deep`: without lists inside of things."""
    catalog = schema.type_map["Catalog"]
    assert isinstance(catalog, GraphQLObjectType)
    return {
        name: f"{name}{_first(field, 500)} {_below(schema, field, deep)}"
        for name, field in catalog.fields.items()
        if _free(field) and name != "asOf"
    }


def _free(field: GraphQLField) -> bool:
    """Whether it can be asked without an argument."""
    return all(one.default_value is not Undefined or not str(one.type).endswith("!") for one in field.args.values())


def _first(field: GraphQLField, size: int) -> str:
    return f"(first: {size})" if "first" in field.args else ""


def _below(schema: GraphQLSchema, field: GraphQLField, deep: bool, depth: int = 0) -> str:
    """The selection under a field; empty under a plain value."""
    kind = get_named_type(field.type)
    if is_leaf_type(kind):
        return ""
    if is_interface_type(kind) or not is_object_type(kind):
        return "{ id }"
    assert isinstance(kind, GraphQLObjectType)
    if kind.name.endswith("Connection"):
        return f"{{ totalCount nodes {_below(schema, kind.fields['nodes'], deep, depth)} }}"
    if depth and "id" in kind.fields:
        return "{ id }"
    return f"{{ {' '.join(_fields(schema, kind, deep, depth))} }}"


def _fields(schema: GraphQLSchema, kind: GraphQLObjectType, deep: bool, depth: int) -> Iterator[str]:
    if kind.name == "LineageGraph":
        yield "position totalAssets complete" if deep else "position"
        return
    for name, field in kind.fields.items():
        many = not is_leaf_type(get_named_type(field.type)) and ("first" in field.args or "[" in str(field.type))
        if name in OF_NOW or not _free(field) or (many and not deep):
            continue
        yield f"{name}{_first(field, SOME)} {_below(schema, field, deep, depth + 1)}"
