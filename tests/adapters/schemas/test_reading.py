"""Schemas that others wrote: what is taken over, and what is refused with its place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.schemas.formats import MAX_TEXT, SchemaFormat, read
from server.kernel.errors import BadUserInput, LimitExceeded
from server.kernel.fields import Field

ID = Field(name="id", type="int", nullable=False)


def as_json(**properties: Any) -> str:
    return json.dumps({"type": "object", "properties": properties})


def as_avro(*types: Any, **names: Any) -> str:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(types)]
    return json.dumps({"type": "record", "name": "r", "fields": fields} | names)


def types(fields: tuple[Field, ...]) -> list[str]:
    return [field.type for field in fields]


def test_json_schema_of_another_tool_is_read() -> None:
    text = json.dumps(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$ref": "#/definitions/Order",
            "definitions": {
                "Order": {
                    "type": "object",
                    "required": ["id", "state"],
                    "properties": {
                        "id": {"type": "integer", "description": "Counted."},
                        "state": {"$ref": "#/definitions/State"},
                        "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
                        "price": {"type": ["number", "null"], "x-type": "numeric(10,2)"},
                        "born": {"type": "string", "format": "date", "x-pii": True},
                        "tags": {"type": "array", "items": {"type": "string"}},
                        "address": {"type": "object"},
                        "any": True,
                        "n": {"enum": [1, 2, 3]},
                        "yes": {"const": True},
                    },
                },
                "State": {"type": "string", "enum": ["new", "paid"]},
            },
        }
    )
    assert read(SchemaFormat.JSON_SCHEMA, text) == (
        Field(name="id", type="int", nullable=False, description="Counted."),
        Field(name="state", type="string", nullable=False),
        Field(name="at", type="datetime"),
        Field(name="price", type="decimal(10,2)"),
        Field(name="born", type="date", pii=True),
        Field(name="tags", type="json"),
        Field(name="address", type="json"),
        Field(name="any", type="json"),
        Field(name="n", type="int"),
        Field(name="yes", type="boolean"),
    )


def test_avro_of_another_tool_is_read() -> None:
    nested = {"type": "record", "name": "Address", "fields": [{"name": "street", "type": "string"}]}
    fixed = {"type": "fixed", "name": "Price", "size": 8, "logicalType": "decimal", "precision": 12, "scale": 2}
    text = as_avro(
        "int",
        ["null", "float"],
        {"type": "string", "logicalType": "uuid"},
        {"type": "enum", "name": "State", "symbols": ["NEW"]},
        "State",
        nested,
        ["Address", "null"],
        {"type": "array", "items": "int"},
        {"type": "map", "values": "Address"},
        fixed,
        {"type": "long", "logicalType": "local-timestamp-millis"},
        {"type": "long", "logicalType": "of-somebody"},
        namespace="org.example",
    )
    found = read(SchemaFormat.AVRO, text)
    assert types(found) == [
        "int",
        "float",
        "string",
        "string",
        "string",
        "json",
        "json",
        "json",
        "json",
        "decimal(12,2)",
        "datetime",
        "int",
    ]
    assert [field.name for field in found if field.nullable] == ["f1", "f6"]


def test_sql_of_another_tool_is_read() -> None:
    text = """
    -- orders, as they were
    create table if not exists shop.orders (
        id serial primary key,
        Price numeric(10, 2) not null check (price > 0),
        total numeric, whole numeric(5),
        "E-Mail" character varying(80) default 'none' unique,
        at timestamp with time zone, day date, ok bool null, rate real,
        raw jsonb, tags text[], code char(3), u uuid,
        foreign key (id) references other (id)
    ) partition by range (day);
    comment on column shop.orders."E-Mail" is 'Where to write. [lakemesh: pii, subjectKey]';
    """
    assert read(SchemaFormat.SQL_DDL, text) == (
        Field(name="id", type="int", nullable=False, primary_key=True),
        Field(name="Price", type="decimal(10,2)", nullable=False),
        Field(name="total", type="decimal"),
        Field(name="whole", type="decimal(5,0)"),
        Field(name="E-Mail", type="string", pii=True, subject_key=True, description="Where to write."),
        Field(name="at", type="datetime"),
        Field(name="day", type="date"),
        Field(name="ok", type="boolean"),
        Field(name="rate", type="float"),
        Field(name="raw", type="json"),
        Field(name="tags", type="json"),
        Field(name="code", type="string"),
        Field(name="u", type="string"),
    )


def test_a_key_of_several_columns_is_read_and_needs_values() -> None:
    found = read(SchemaFormat.SQL_DDL, "create table t (a int, b text, c int, constraint k primary key (a, b))")
    assert [(field.primary_key, field.nullable) for field in found] == [(True, False), (True, False), (False, True)]


def test_odcs_of_another_tool_is_read() -> None:
    text = """
    apiVersion: v3.0.2
    kind: DataContract
    id: 53581432
    version: 1.0.0
    status: active
    schema:
    - name: orders
      properties:
      - {name: id, logicalType: integer, physicalType: BIGINT, primaryKey: true}
      - {name: price, logicalType: number, physicalType: 'DECIMAL(10,2)', required: true}
      - {name: town, logicalType: string, physicalType: VARCHAR(20), description: Where.}
      - {name: lines, logicalType: array}
    """.replace("53581432", "'53581432'")
    assert read(SchemaFormat.ODCS, text) == (
        Field(name="id", type="int", nullable=False, primary_key=True),
        Field(name="price", type="decimal(10,2)", nullable=False),
        Field(name="town", type="string", description="Where."),
        Field(name="lines", type="json"),
    )


LOOP = {"a": {"$ref": "#/$defs/x"}}
DEEP: dict[str, Any] = {}
for _ in range(80):
    DEEP = {"type": "object", "properties": {"a": DEEP}}

REFUSED: dict[str, tuple[SchemaFormat, str, str]] = {
    "no json": (SchemaFormat.JSON_SCHEMA, "{", "this is not JSON: line 1"),
    "a word": (SchemaFormat.AVRO, "hello", "this is not JSON: line 1, column 1"),
    "NaN": (SchemaFormat.JSON_SCHEMA, '{"a": NaN}', "NaN is not JSON"),
    "huge number": (SchemaFormat.JSON_SCHEMA, f'{{"a": {"9" * 5_000}}}', "a number too long"),
    "endless brackets": (SchemaFormat.AVRO, "[" * 100_000, "nested too deeply"),
    "deep objects": (SchemaFormat.JSON_SCHEMA, json.dumps(DEEP), "nested more than 64 levels deep"),
    "a list": (SchemaFormat.JSON_SCHEMA, "[]", "this is none"),
    "a column twice": (SchemaFormat.JSON_SCHEMA, '{"properties": {"a": {}, "a": {}}}', '"a" stands twice'),
    "no properties": (SchemaFormat.JSON_SCHEMA, '{"type": "object"}', "this one is not"),
    "no columns": (SchemaFormat.JSON_SCHEMA, as_json(), "needs at least one field"),
    "unknown json type": (SchemaFormat.JSON_SCHEMA, as_json(a={"type": "money"}), "properties/a/type"),
    "foreign draft": (SchemaFormat.JSON_SCHEMA, '{"$schema": "http://x/y"}', '$schema is "http://x/y"'),
    "reference to the network": (
        SchemaFormat.JSON_SCHEMA,
        as_json(a={"$ref": "http://127.0.0.1:9/x"}),
        'properties/a refers to "http://127.0.0.1:9/x", outside of the text',
    ),
    "reference to nothing": (SchemaFormat.JSON_SCHEMA, as_json(a={"$ref": "#/$defs/x"}), "which is not there"),
    "reference to itself": (
        SchemaFormat.JSON_SCHEMA,
        json.dumps({"properties": LOOP, "$defs": {"x": {"$ref": "#/$defs/x"}}}),
        "properties/a refers to itself",
    ),
    "choice that refers to itself": (
        SchemaFormat.JSON_SCHEMA,
        json.dumps({"properties": LOOP, "$defs": {"x": {"anyOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]}}}),
        "nested too deeply",
    ),
    "two json types": (SchemaFormat.JSON_SCHEMA, as_json(a={"type": ["string", "integer"]}), "properties/a has the"),
    "json choice": (
        SchemaFormat.JSON_SCHEMA,
        as_json(a={"oneOf": [{"type": "string"}, {"type": "integer"}]}),
        "properties/a is a choice of 2 schemas",
    ),
    "only null": (SchemaFormat.JSON_SCHEMA, as_json(a={"type": "null"}), "properties/a is null and nothing else"),
    "nothing": (SchemaFormat.JSON_SCHEMA, as_json(a=False), "properties/a allows nothing"),
    "unknown x-type": (SchemaFormat.JSON_SCHEMA, as_json(a={"x-type": "money"}), "type 'money' is not known"),
    "no boolean mark": (SchemaFormat.JSON_SCHEMA, as_json(a={"x-pii": "yes"}), 'x-pii is "yes"; write true or false'),
    "description with NUL": (
        SchemaFormat.JSON_SCHEMA,
        as_json(a={"type": "string", "description": "\0"}),
        "the description of 'a' holds a character that is no text",
    ),
    "half a character": (
        SchemaFormat.AVRO,
        as_avro("int").replace('"type": "int"', '"type": "int", "doc": "\\ud800"'),
        "no text",
    ),
    "no record": (SchemaFormat.AVRO, '"string"', "this is none"),
    "record without fields": (SchemaFormat.AVRO, '{"type": "record", "name": "r"}', "this is not an Avro schema"),
    "unknown avro type": (SchemaFormat.AVRO, as_avro("money"), "this is not an Avro schema"),
    "avro union": (SchemaFormat.AVRO, as_avro(["int", "string"]), "field 'f0' is a union of 2 types"),
    "avro null": (SchemaFormat.AVRO, as_avro("null"), "field 'f0' is a union of 1 types"),
    "avro bytes": (SchemaFormat.AVRO, as_avro("bytes"), "field 'f0' is \"bytes\", which no column can hold"),
    "avro time": (
        SchemaFormat.AVRO,
        as_avro({"type": "int", "logicalType": "time-millis"}),
        "field 'f0' is \"int as time-millis\"",
    ),
    "avro decimal too wide": (
        SchemaFormat.AVRO,
        as_avro({"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": 2}),
        "'decimal(60,2)' is out of bounds",
    ),
    "no sql": (SchemaFormat.SQL_DDL, "hello (", "this is not SQL that can be read"),
    "no statement": (SchemaFormat.SQL_DDL, "-- nothing", "this has 0 statements"),
    "two tables": (SchemaFormat.SQL_DDL, "create table a (b int); create table c (d int)", "this has 2 statements"),
    "drop": (SchemaFormat.SQL_DDL, "drop table event; create table a (b int)", "this has 2 statements"),
    "select": (SchemaFormat.SQL_DDL, "select * from read_csv('/etc/passwd')", "CREATE among them: 0"),
    "view": (SchemaFormat.SQL_DDL, "create view a as select 1", "does not list the columns"),
    "create as": (SchemaFormat.SQL_DDL, "create table a as select 1", "does not list the columns"),
    "create as with columns": (SchemaFormat.SQL_DDL, "create table a (b) as select 1", "does not list the columns"),
    "like": (SchemaFormat.SQL_DDL, "create table a (like b)", "does not list the columns"),
    "inherits": (SchemaFormat.SQL_DDL, "create table a (b int) inherits (c)", "does not list the columns"),
    "of type": (SchemaFormat.SQL_DDL, "create table a of b", "CREATE among them: 0"),
    "command": (SchemaFormat.SQL_DDL, "vacuum full; create table a (b int)", "this has 2 statements"),
    "sql type": (SchemaFormat.SQL_DDL, "create table a (b money)", "column 'b' has the type 'MONEY'"),
    "own sql type": (SchemaFormat.SQL_DDL, "create table a (b mood)", "column 'b' has the type"),
    "sql interval": (SchemaFormat.SQL_DDL, "create table a (b interval)", "column 'b' has the type 'INTERVAL'"),
    "sql decimal too wide": (SchemaFormat.SQL_DDL, "create table a (b numeric(60,2))", "out of bounds"),
    "deep sql": (SchemaFormat.SQL_DDL, f"create table a (b int check ({'(' * 20_000}", "nested too deeply"),
    "key of no column": (SchemaFormat.SQL_DDL, "create table a (b int, primary key (c))", "column 'c' has a key or a"),
    "comment on the table": (
        SchemaFormat.SQL_DDL,
        "create table a (b int); comment on table a is 'x'",
        "only columns have comments",
    ),
    "unknown mark": (
        SchemaFormat.SQL_DDL,
        "create table a (b int); comment on column a.b is 'x [lakemesh: secret]'",
        "has the mark 'secret'",
    ),
    "no yaml": (SchemaFormat.ODCS, "a: [", "this is not YAML: see line"),
    "yaml of nothing": (SchemaFormat.ODCS, "", "this is not ODCS"),
    "yaml alias": (SchemaFormat.ODCS, "a: &x [1]\nb: [*x, *x]", "uses the alias 'x'"),
    "yaml tag": (SchemaFormat.ODCS, "a: !!python/object/apply:os.system ['true']", "this is not YAML"),
    "deep yaml": (SchemaFormat.ODCS, "[" * 500_000, "nested more than 64 levels deep"),
    "a number without end": (SchemaFormat.ODCS, f"version: 1{':59' * 100_000}", "a number of 300001 characters"),
    "yaml without end": (SchemaFormat.ODCS, "- a\n" * 200_000, "more than 100000 parts"),
    "sql without end": (SchemaFormat.SQL_DDL, "create table a (b int); " + ";" * 900_000, "more than 100000 parts"),
    "no odcs": (SchemaFormat.ODCS, "a: 1", "this is not ODCS at a"),
    "impossible date": (SchemaFormat.ODCS, "version: 2024-13-45", "a value that cannot be read"),
    "two objects": (SchemaFormat.ODCS, "schema: [{name: a}, {name: b}]", "this one has 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_schema_is_refused_with_its_place(case: str) -> None:
    format, text, saying = REFUSED[case]
    with pytest.raises(BadUserInput) as refused:
        read(format, text)
    assert saying in refused.value.message
    assert refused.value.field == "schemaText"
    assert len(refused.value.message) < 600


WORDS = """
type fields name items values symbols size logicalType precision scale namespace record array map fixed int long bytes
properties required $ref $defs #/$defs/a anyOf allOf enum const format x-type x-name string null decimal object
"""
words = st.sampled_from(WORDS.split())
nonsense = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("format", [SchemaFormat.JSON_SCHEMA, SchemaFormat.AVRO, SchemaFormat.ODCS])
@given(st.data())
def test_nonsense_is_read_or_refused_and_never_a_fault(format: SchemaFormat, data: st.DataObject) -> None:
    kind = st.lists(st.fixed_dictionaries({"name": words, "type": nonsense}), max_size=3)
    around = {
        SchemaFormat.JSON_SCHEMA: st.fixed_dictionaries(
            {"properties": st.dictionaries(words, nonsense), "$defs": nonsense}
        ),
        SchemaFormat.AVRO: st.fixed_dictionaries({"type": st.just("record"), "name": words, "fields": kind}),
        SchemaFormat.ODCS: st.fixed_dictionaries({"schema": nonsense}),
    }
    text = json.dumps(data.draw(nonsense | around[format]))
    try:
        assert read(format, text)
    except BadUserInput:
        return


@pytest.mark.parametrize("format", SchemaFormat)
def test_a_text_beyond_the_limit_is_not_even_looked_at(format: SchemaFormat) -> None:
    with pytest.raises(LimitExceeded, match=f"schemaText has {MAX_TEXT + 1} characters"):
        read(format, " " * (MAX_TEXT + 1))


@pytest.mark.parametrize("format", [SchemaFormat.JSON_SCHEMA, SchemaFormat.AVRO])
def test_more_columns_than_a_schema_holds_are_refused(format: SchemaFormat) -> None:
    many = range(2_001)
    text = as_avro(*["int" for _ in many]) if format is SchemaFormat.AVRO else as_json(**{f"c{n}": {} for n in many})
    with pytest.raises(BadUserInput, match="at most 2000 fields; this one has 2001"):
        read(format, text)
