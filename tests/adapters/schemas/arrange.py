"""Schemas as hypothesis draws them: any that the kernel takes."""

import unicodedata

from hypothesis import strategies as st

from server.kernel.errors import BadUserInput
from server.kernel.fields import MAX_NAME, SYSTEM_COLUMNS, Field, TypeName, check_fields, folded

Schema = tuple[Field, ...]


def _may_be_a_name(name: str) -> bool:
    return name.isprintable() and name == name.strip() and folded(name) not in SYSTEM_COLUMNS


printable = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"))
names = (
    st.text(printable, min_size=1, max_size=20)
    .map(lambda name: unicodedata.normalize("NFC", name))
    .filter(lambda name: 1 <= len(name) <= MAX_NAME and _may_be_a_name(name))
)
tricky = st.sampled_from(
    ["a", "A b", "_u20_", "1st", "größe in %", 'say "hi"', "it's", "select", "x-type", "名前", "a;b"]
)
decimals = st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: f"decimal({p},{s})"))
types = st.sampled_from([name.value for name in TypeName]) | decimals
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40) | st.sampled_from(
    ["", "What it means.", "two\nlines", " led and trailed ", "[lakemesh: pii]", "it's [lakemesh: ]", "\\n", "'", "--"]
)
fields = st.builds(
    Field,
    name=names | tricky,
    type=types,
    nullable=st.booleans(),
    pii=st.booleans(),
    primary_key=st.booleans(),
    description=texts,
)


def _checked(columns: list[Field]) -> Schema | None:
    try:
        return check_fields(columns)
    except BadUserInput:
        return None


schemas: st.SearchStrategy[Schema] = (
    st.lists(fields, min_size=1, max_size=6, unique_by=lambda field: folded(field.name))
    .map(_checked)
    .filter(lambda schema: schema is not None)
    .map(lambda schema: schema or ())
)
