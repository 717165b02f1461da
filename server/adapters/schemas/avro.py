"""Avro: a record with a field for each column. A name that Avro cannot spell stands beside it as `x-name`."""

from collections.abc import Mapping, Sequence

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from server.adapters.schemas.avro_names import spelled
from server.adapters.schemas.json_text import Json, compact, marked, marks, parsed, shown
from server.kernel.errors import BadUserInput
from server.kernel.fields import DataType, Field, TypeName, parse_type

NULL = "null"

_WRITTEN: Mapping[TypeName, Json] = {
    TypeName.STRING: "string",
    TypeName.INT: "long",
    TypeName.FLOAT: "double",
    TypeName.BOOLEAN: "boolean",
    TypeName.DATE: {"type": "int", "logicalType": "date"},
    TypeName.DATETIME: {"type": "long", "logicalType": "timestamp-micros"},
    TypeName.JSON: {"type": "string", "x-type": "json"},
}
_READ = {
    "string": TypeName.STRING,
    "enum": TypeName.STRING,
    "int": TypeName.INT,
    "long": TypeName.INT,
    "float": TypeName.FLOAT,
    "double": TypeName.FLOAT,
    "boolean": TypeName.BOOLEAN,
    "record": TypeName.JSON,
    "error": TypeName.JSON,
    "array": TypeName.JSON,
    "map": TypeName.JSON,
}
_LOGICAL = {
    ("int", "date"): TypeName.DATE,
    ("long", "timestamp-millis"): TypeName.DATETIME,
    ("long", "timestamp-micros"): TypeName.DATETIME,
    ("long", "timestamp-nanos"): TypeName.DATETIME,
    ("long", "local-timestamp-millis"): TypeName.DATETIME,
    ("long", "local-timestamp-micros"): TypeName.DATETIME,
    ("long", "local-timestamp-nanos"): TypeName.DATETIME,
}
_TIMES = (("int", "time-millis"), ("long", "time-micros"))


def write(name: str, version: int, fields: Sequence[Field]) -> str:
    """A record; nullable columns are unions with null and have the default null."""
    document = {
        "type": "record",
        "name": spelled(name),
        "doc": f"Dataset {name}, schema version {version}.",
        "fields": [_field(field) for field in fields],
    }
    fastavro.parse_schema(document, _write_hint=False)
    return compact(document)


def read(text: str) -> tuple[Field, ...]:
    """The fields of a record. Raises: BadUserInput."""
    document = parsed(text)
    if not isinstance(document, dict) or document.get("type") != "record":
        raise BadUserInput('an Avro schema of rows is {"type": "record", "name": ..., "fields": [...]}; this is none')
    try:
        fastavro.parse_schema(document, _write_hint=False)
        named = _named(document)
        return tuple(_column(field, named) for field in document["fields"])
    except (SchemaParseException, UnknownType) as error:
        raise BadUserInput(f"this is not an Avro schema: {str(error)[:200]}") from None
    except (AttributeError, KeyError, TypeError, ValueError):  # for parts that are missing, here or in the library
        raise BadUserInput("this is not an Avro schema: a part is missing or of the wrong kind") from None


def _field(field: Field) -> dict[str, Json]:
    name, kind = spelled(field.name), _type(field.data_type)
    written: dict[str, Json] = {"name": name, "type": [NULL, kind] if field.nullable else kind}
    if field.nullable:
        written["default"] = None
    if field.description:
        written["doc"] = field.description
    if name != field.name:
        written["x-name"] = field.name
    return written | marked(field)


def _type(kind: DataType) -> Json:
    if kind.name is TypeName.DECIMAL:
        return {"type": "bytes", "logicalType": "decimal", "precision": kind.precision, "scale": kind.scale}
    return _WRITTEN[kind.name]


def _column(field: dict[str, Json], named: Mapping[str, Json]) -> Field:
    place = f"field {field['name'][:80]!r}"
    branches: list[Json] = field["type"] if isinstance(field["type"], list) else [field["type"]]
    real = [branch for branch in branches if branch != NULL]
    if len(real) != 1:
        raise BadUserInput(f"{place} is a union of {len(branches)} types; give it one, or one and null")
    pii, subject_key, primary_key = marks(field)
    name, doc = field.get("x-name", field["name"]), field.get("doc") or ""
    if not isinstance(name, str) or not isinstance(doc, str):
        raise BadUserInput(f"x-name and doc of {place} are texts; write them as such")
    return Field(
        name=name,
        type=_read_type(real[0], named, place),
        nullable=len(real) < len(branches),
        pii=pii,
        subject_key=subject_key,
        primary_key=primary_key,
        description=doc,
    )


def _read_type(kind: Json, named: Mapping[str, Json], place: str) -> str:
    shape: dict[str, Json] = kind if isinstance(kind, dict) else {"type": kind}
    base, logical = shape["type"], shape.get("logicalType")
    if not isinstance(base, str):
        return _read_type(base, named, place)
    if base not in _READ and base in named:
        return _read_type(named[base], named, place)
    if "x-type" in shape:
        return str(parse_type(str(shape["x-type"])))
    if logical == "decimal" and base in ("bytes", "fixed"):
        return f"decimal({shape.get('precision')},{shape.get('scale', 0)})"
    if base not in _READ or (base, logical) in _TIMES:
        told = f"{base} as {logical}" if isinstance(logical, str) else base
        raise BadUserInput(f"{place} is {shown(told)}, which no column can hold; make it string or int")
    found = _LOGICAL.get((base, logical)) if isinstance(logical, str) else None
    return (found or _READ[base]).value


def _named(document: Json) -> dict[str, Json]:
    """The types that the document gives names to, by each name that a field may use for them."""
    found: dict[str, Json] = {}
    level: list[tuple[Json, str]] = [(document, "")]
    while level:
        below: list[tuple[Json, str]] = []
        for part, space in level:
            if isinstance(part, list):
                below += [(one, space) for one in part]
            elif isinstance(part, dict):
                inner = space
                if part.get("type") in ("record", "error", "enum", "fixed") and isinstance(part.get("name"), str):
                    prefix, _, short = part["name"].rpartition(".")
                    inner = prefix or str(part.get("namespace", space))
                    found[short] = found[f"{inner}.{short}"] = part
                below += [(one, inner) for one in part.values()]
        level = below
    return found
