"""JSON Schema, draft 2020-12: what a row of the dataset is as a JSON object.

Types that JSON does not have, and the marks of columns, stand in properties that begin with `x-`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from server.adapters.schemas.json_text import Json, compact, marked, marks, parsed, shown
from server.kernel.errors import BadUserInput
from server.kernel.fields import Field, TypeName, parse_type

DRAFT = "https://json-schema.org/draft/2020-12/schema"
DRAFTS = ("2020-12", "2019-09", "draft-07", "draft-06")
MAX_REFERENCES = 32  # from one to the next
ANY = ("object", "array", "string", "number", "boolean")

_WRITTEN: Mapping[TypeName, Mapping[str, Any]] = {
    TypeName.STRING: {"type": ["string"]},
    TypeName.INT: {"type": ["integer"]},
    TypeName.FLOAT: {"type": ["number"]},
    TypeName.DECIMAL: {"type": ["number"]},
    TypeName.BOOLEAN: {"type": ["boolean"]},
    TypeName.DATE: {"type": ["string"], "format": "date"},
    TypeName.DATETIME: {"type": ["string"], "format": "date-time"},
    TypeName.JSON: {"type": list(ANY)},
}
_READ = {
    "string": TypeName.STRING,
    "integer": TypeName.INT,
    "number": TypeName.FLOAT,
    "boolean": TypeName.BOOLEAN,
    "object": TypeName.JSON,
    "array": TypeName.JSON,
}
_FORMATS = {"date": TypeName.DATE, "date-time": TypeName.DATETIME}


def write(name: str, version: int, fields: Sequence[Field]) -> str:
    """An object with a property for each column, in their order."""
    document = {
        "$schema": DRAFT,
        "title": name,
        "$comment": f"schema version {version}",
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if not field.nullable],
    }
    return compact(document)


def read(text: str) -> tuple[Field, ...]:
    """The properties of an object. Raises: BadUserInput."""
    document = parsed(text)
    _check(document)
    return _Reader(document).fields()


def _property(field: Field) -> dict[str, Json]:
    kind = field.data_type
    shape: dict[str, Json] = dict(_WRITTEN[kind.name])
    types = [*shape["type"], "null"] if field.nullable else shape["type"]
    shape["type"] = types[0] if len(types) == 1 else types
    if field.description:
        shape["description"] = field.description
    if kind.name in (TypeName.DECIMAL, TypeName.JSON):
        shape["x-type"] = str(kind)
    return shape | marked(field)


def _check(document: Json) -> None:
    """Refuse what is no JSON Schema. Nothing that the document names is fetched: its draft is given here."""
    if not isinstance(document, dict):
        raise BadUserInput("a JSON Schema of rows is an object with properties; this is none")
    draft = document.get("$schema", DRAFT)
    if not isinstance(draft, str) or not any(known in draft for known in DRAFTS):
        raise BadUserInput(f"$schema is {shown(draft)}; use one of the drafts {', '.join(DRAFTS)}")
    try:
        jsonschema_rs.meta.validate(document | {"$schema": DRAFT})
    except jsonschema_rs.ValidationError as error:
        place = "/".join(map(str, error.instance_path)) or "the document"
        raise BadUserInput(f"this is not JSON Schema at {place[:200]}: {error.message[:200]}") from None


class _Reader:
    """Reads the columns of one document, whose references lead to other parts of it."""

    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document

    def fields(self) -> tuple[Field, ...]:
        """A field for each property of the object."""
        root = self._followed(self._document, "the document")
        properties = root.get("properties")
        if root.get("type", "object") != "object" or not isinstance(properties, dict):
            raise BadUserInput('a JSON Schema of rows is {"type": "object", "properties": {...}}; this one is not')
        required = frozenset(root.get("required", ()))
        return tuple(self._field(name, shape, name in required) for name, shape in properties.items())

    def _field(self, name: str, shape: Json, required: bool) -> Field:
        place = f"properties/{name[:80]}"
        holder = shape if isinstance(shape, dict) else {}
        types, found = self._types(shape, place)
        merged = holder | {key: value for key, value in found.items() if key not in holder}
        description = merged.get("description", "")
        pii, subject_key, primary_key = marks(merged)
        return Field(
            name=name,
            type=self._type(types - {"null"}, merged, place),
            nullable="null" in types or not required,
            pii=pii,
            subject_key=subject_key,
            primary_key=primary_key,
            description=description,
        )

    def _types(self, shape: Json, place: str) -> tuple[set[str], dict[str, Json]]:
        """The JSON types that a value may have, and the part of the schema that says more of it."""
        found = self._followed(shape, place)
        for word in ("anyOf", "oneOf", "allOf"):
            if word in found:
                return self._combined(word, found[word], place)
        if "type" in found:
            kinds = found["type"]
            return ({kinds} if isinstance(kinds, str) else set(kinds)), found
        if "const" in found or "enum" in found:
            values = found["enum"] if "enum" in found else [found["const"]]
            return {_type_of(value) for value in values}, found
        return set(ANY) | {"null"}, found

    def _combined(self, word: str, parts: Sequence[Json], place: str) -> tuple[set[str], dict[str, Json]]:
        """One schema, or one schema and null: what Optional becomes in many languages."""
        read = [self._types(part, f"{place}/{word}") for part in parts]
        real = [one for one in read if one[0] != {"null"}]
        if len(real) != 1 or (word == "allOf" and len(read) != 1):
            raise BadUserInput(f"{place} is a choice of {len(read)} schemas; give it one, or one and null")
        nullable = {"null"} if len(real) < len(read) else set[str]()
        return real[0][0] | nullable, real[0][1]

    def _type(self, types: set[str], shape: dict[str, Json], place: str) -> str:
        if "x-type" in shape:
            return str(parse_type(str(shape["x-type"])))
        if types == {"integer", "number"}:
            types = {"number"}
        if not types:
            raise BadUserInput(f"{place} is null and nothing else; give it a type")
        names = {_READ[kind] for kind in types}
        if types >= set(ANY):
            names = {TypeName.JSON}
        if len(names) > 1:
            raise BadUserInput(f"{place} has the types {', '.join(sorted(types))}; give it one, and null if need be")
        [name] = names
        return (_FORMATS.get(str(shape.get("format")), name) if name is TypeName.STRING else name).value

    def _followed(self, shape: Json, place: str) -> dict[str, Json]:
        """The schema itself, or what its references lead to."""
        for _ in range(MAX_REFERENCES):
            if shape is True:
                return {}
            if not isinstance(shape, dict):
                raise BadUserInput(f"{place} allows nothing; give it a type")
            if "$ref" not in shape:
                return shape
            shape = self._part(shape["$ref"], place)
        raise BadUserInput(f"{place} refers to itself, or through more than {MAX_REFERENCES} schemas; write it out")

    def _part(self, reference: Json, place: str) -> Json:
        """The part of the document at a JSON Pointer (RFC 6901)."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise BadUserInput(f"{place} refers to {shown(reference)}, outside of the text; put it under $defs")
        found: Json = self._document
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise BadUserInput(f"{place} refers to {shown(reference)}, which is not there; define it under $defs")
            found = found[key]
        return found


def _type_of(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case dict():
            return "object"
        case _:
            return "array"
