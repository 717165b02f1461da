"""Open Data Contract Standard, version 3.1: the dataset as the one object of a contract's schema, in YAML."""

import re
from collections.abc import Mapping, Sequence

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)
from pydantic import ValidationError

from server.kernel.errors import BadUserInput
from server.kernel.fields import DataType, Field, TypeName, parse_type
from server.kernel.ids import Kind, urn

VERSION = "v3.1.0"
MARKS = ("pii", "subjectKey")
MAX_DEPTH = 64
MAX_EVENTS = 100_000  # of a YAML text: its reader is slow
_LONG_NUMBER = re.compile(r"[-+0-9a-fA-FxX_:.]{100,}")  # YAML multiplies such parts, each by the next

_WRITTEN: Mapping[TypeName, str] = {
    TypeName.STRING: "string",
    TypeName.INT: "integer",
    TypeName.FLOAT: "number",
    TypeName.DECIMAL: "number",
    TypeName.BOOLEAN: "boolean",
    TypeName.DATE: "date",
    TypeName.DATETIME: "timestamp",
    TypeName.JSON: "object",
}
_READ = {
    "string": TypeName.STRING,
    "integer": TypeName.INT,
    "number": TypeName.FLOAT,
    "boolean": TypeName.BOOLEAN,
    "date": TypeName.DATE,
    "timestamp": TypeName.DATETIME,
    "object": TypeName.JSON,
    "array": TypeName.JSON,
    "map": TypeName.JSON,
}


def write(name: str, version: int, fields: Sequence[Field]) -> str:
    """A contract of the dataset that says no more than its schema."""
    keys = [field.name for field in fields if field.primary_key]
    table = SchemaObject(
        name=name,
        logicalType="object",
        physicalType="table",
        properties=[_property(field, keys) for field in fields],
    )
    contract = OpenDataContractStandard(
        apiVersion=VERSION,
        kind="DataContract",
        id=urn(Kind.DATASET, name),
        name=name,
        version=f"{version}.0.0",
        status="active",
        schema=[table],
    )
    return contract.to_yaml()


def read(text: str) -> tuple[Field, ...]:
    """The properties of the one object in a contract's schema. Raises: BadUserInput."""
    try:
        _check(text)
        document = yaml.safe_load(text)
        contract = OpenDataContractStandard.model_validate(document)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f": see line {mark.line + 1}" if mark is not None else ""
        raise BadUserInput(f"this is not YAML{place}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(map(str, first["loc"])) or "the document"
        raise BadUserInput(f"this is not ODCS at {place[:200]}: {first['msg'].lower()[:200]}") from None
    except ValueError:  # a date or number that YAML has and Python has not
        raise BadUserInput("this YAML holds a value that cannot be read; put it in quotes") from None
    objects = contract.schema_ or []
    if len(objects) != 1 or not objects[0].properties:
        raise BadUserInput(f"a contract for one dataset has one object with properties; this one has {len(objects)}")
    return tuple(_field(one) for one in objects[0].properties)


def _property(field: Field, keys: Sequence[str]) -> SchemaProperty:
    flags = zip(MARKS, (field.pii, field.subject_key), strict=True)
    marks = [CustomProperty(property=mark, value=True) for mark, given in flags if given]
    return SchemaProperty(
        name=field.name,
        logicalType=_WRITTEN[field.data_type.name],
        physicalType=field.type,
        required=not field.nullable,
        primaryKey=field.primary_key,
        primaryKeyPosition=keys.index(field.name) + 1 if field.primary_key else None,
        description=field.description or None,
        classification="personal" if field.pii else None,
        customProperties=marks or None,
    )


def _field(given: SchemaProperty) -> Field:
    if given.name is None:
        raise BadUserInput("a property has no name; give it one")
    marks = {one.property for one in given.customProperties or () if one.value is True}
    return Field(
        name=given.name,
        type=str(_type(given)),
        nullable=not (given.required or given.primaryKey),
        pii="pii" in marks,
        subject_key="subjectKey" in marks,
        primary_key=bool(given.primaryKey),
        description=given.description or "",
    )


def _type(given: SchemaProperty) -> DataType:
    """The physical type where it is one of ours that goes with the logical one, else what the logical one says."""
    logical = given.logicalType or "string"
    if given.physicalType is not None:
        try:
            physical = parse_type(given.physicalType)
        except BadUserInput:  # another system's word
            physical = None
        if physical is not None and _WRITTEN[physical.name] == logical:
            return physical
    if logical not in _READ:
        raise BadUserInput(f"property {given.name!r} is {logical[:80]!r}, which no column can hold; make it string")
    return DataType(name=_READ[logical])


def _check(text: str) -> None:
    """Refuse what takes long to read: aliases, which may repeat each other, great depth, very many parts."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if number > MAX_EVENTS:
            raise BadUserInput(f"this YAML has more than {MAX_EVENTS} parts; shorten it")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BadUserInput(f"this YAML is nested more than {MAX_DEPTH} levels deep; flatten it")
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _LONG_NUMBER.fullmatch(event.value):
            raise BadUserInput(
                f"this YAML holds a number of {len(event.value)} characters; shorten it, or put it in quotes"
            )
        if isinstance(event, yaml.AliasEvent):
            raise BadUserInput(f"this YAML uses the alias {str(event.anchor)[:80]!r}; write it out")
