"""What was written in a format is read back as it was, and is what the format's own readers take."""

import io
import json
from importlib.resources import files

import fastavro
import jsonschema
import pytest
import sqlglot
import yaml
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.schemas.avro_names import spelled
from server.adapters.schemas.formats import SchemaFormat, read, written
from server.kernel.fields import MAX_FIELDS, Field, check_fields
from tests.adapters.schemas.arrange import Schema, names, schemas

OFFICIAL = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8"))
WIDE = check_fields([Field(name=f"column {number}", type="decimal(10,2)", pii=True) for number in range(MAX_FIELDS)])


@pytest.mark.parametrize("format", SchemaFormat)
@given(schema=schemas)
def test_what_was_written_is_read_back(format: SchemaFormat, schema: Schema) -> None:
    assert read(format, written(format, "orders", 3, schema)) == schema


@pytest.mark.parametrize("format", SchemaFormat)
def test_the_widest_schema_is_read_back(format: SchemaFormat) -> None:
    assert read(format, written(format, "orders", 3, WIDE)) == WIDE


@given(schemas)
def test_json_schema_is_valid_and_closed_to_no_reader(schema: Schema) -> None:
    document = json.loads(written(SchemaFormat.JSON_SCHEMA, "orders", 3, schema))
    jsonschema.Draft202012Validator.check_schema(document)
    assert list(document["properties"]) == [field.name for field in schema]


@given(schemas)
def test_avro_is_valid_and_can_hold_rows_of_nulls(schema: Schema) -> None:
    document = json.loads(written(SchemaFormat.AVRO, "orders.of-2024", 3, schema))
    parsed = fastavro.parse_schema(document)
    if all(field.nullable for field in schema):
        held = io.BytesIO()
        fastavro.schemaless_writer(held, parsed, {})
        assert held.getvalue() == b"\0" * len(schema)


@given(schemas)
def test_sql_is_one_table_and_comments(schema: Schema) -> None:
    statements = sqlglot.parse(written(SchemaFormat.SQL_DDL, "orders", 3, schema), dialect="postgres")
    kinds = [one.key for one in statements if one is not None and one.key != "semicolon"]
    assert kinds[0] == "create"
    assert set(kinds[1:]) <= {"comment"}


@given(schemas)
def test_odcs_is_valid_by_its_own_schema(schema: Schema) -> None:
    document = yaml.safe_load(written(SchemaFormat.ODCS, "orders", 3, schema))
    jsonschema.Draft201909Validator(OFFICIAL).validate(document)


@given(st.lists(names, min_size=2, max_size=2, unique=True))
def test_two_names_are_never_spelled_alike(pair: list[str]) -> None:
    first, second = map(spelled, pair)
    assert first != second
    assert all(name.isascii() and name.isidentifier() for name in (first, second))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("amount", "amount"),
        ("größe in %", "gr_uf6__udf_e_u20_in_u20__u25_"),
        ("1st", "_u31_st"),
        ("_u20_", "_u5f_u20_"),
    ],
)
def test_a_name_is_spelled_so_that_people_can_read_it(name: str, expected: str) -> None:
    assert spelled(name) == expected
