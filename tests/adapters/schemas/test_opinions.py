"""A second opinion on compatibility: Avro's own checker and the coverage of JSON Schemas, asked about our exports."""

import json
from itertools import product
from typing import Any

import jsonschema_rs
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.schemas import avro, json_schema
from server.kernel.compatibility_rules import Compatibility, breaks
from server.kernel.fields import Field, check_fields

Schema = tuple[Field, ...]
TYPES = ("string", "int", "float", "decimal", "decimal(10,2)", "boolean", "date", "datetime", "json")

# Avro resolves what the values are stored as, not what they mean: days as microseconds, digits as text.
STORED_ALIKE = {
    *product(("string", "decimal", "decimal(10,2)", "json"), repeat=2),
    *product(("int", "date", "datetime"), ("int", "float", "datetime")),
    ("date", "int"),
    ("datetime", "int"),
}
BEYOND_AVRO = {("int", "decimal")}  # a promotion that Avro has no word for, and that our readers do


def avro_reads(reader: Schema, writer: Schema) -> bool:
    schemas = [parse(avro.write("rows", 1, fields)) for fields in (reader, writer)]
    found = ReaderWriterCompatibilityChecker().get_compatibility(reader=schemas[0], writer=schemas[1])
    return found.compatibility is SchemaCompatibilityType.compatible


def json_reads(reader: Schema, writer: Schema) -> bool:
    """Whether every row that the writer may write, which has no other column, is one for the reader."""
    closed: dict[str, Any] = json.loads(json_schema.write("rows", 1, writer)) | {"additionalProperties": False}
    wide = jsonschema_rs.canonicalize(json.loads(json_schema.write("rows", 1, reader)))
    return str(wide.covers(jsonschema_rs.canonicalize(closed))) == "yes"


@pytest.mark.parametrize(("old", "new"), list(product(TYPES, repeat=2)))
def test_a_change_of_type_is_judged_as_by_avro_but_for_what_avro_does_not_know(old: str, new: str) -> None:
    was, now = check_fields([Field(name="a", type=old)]), check_fields([Field(name="a", type=new)])
    ours = not breaks(was, now, Compatibility.BACKWARD)
    if (old, new) in BEYOND_AVRO:
        assert (ours, avro_reads(now, was)) == (True, False)
    elif ours or (old, new) not in STORED_ALIKE:
        assert ours == avro_reads(now, was)
    if ours:
        assert json_reads(now, was)


columns = st.builds(
    Field,
    name=st.sampled_from(["a", "b", "c d", "e"]),
    type=st.sampled_from(["string", "int", "float", "boolean"]),
    nullable=st.booleans(),
)
schemas = st.lists(columns, min_size=1, max_size=4, unique_by=lambda field: field.name).map(check_fields)


@given(schemas, schemas)
def test_any_change_of_plain_columns_is_judged_as_by_both(old: Schema, new: Schema) -> None:
    backward, forward, full = (
        not breaks(old, new, mode) for mode in (Compatibility.BACKWARD, Compatibility.FORWARD, Compatibility.FULL)
    )
    assert (backward, forward) == (avro_reads(new, old), avro_reads(old, new))
    assert (backward, forward) == (json_reads(new, old), json_reads(old, new))
    assert full == (backward and forward)
