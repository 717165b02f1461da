"""Marks of columns: what was marked then or is by now counts for rows of both times."""

from dataclasses import replace

import pytest

from server.kernel.fields import Field
from server.mesh.batch.facts_now import marked

BARE = Field(name="who", type="string", nullable=False)
PERSONAL = replace(BARE, pii=True)
KEY = replace(BARE, subject_key=True)


@pytest.mark.parametrize(
    ("then", "now", "marks"),
    [
        (BARE, BARE, (False, False)),
        (PERSONAL, BARE, (True, False)),
        (BARE, KEY, (False, True)),
        (KEY, PERSONAL, (True, True)),
    ],
)
def test_a_column_has_the_marks_of_then_and_of_now(then: Field, now: Field, marks: tuple[bool, bool]) -> None:
    assert marked(then, replace(now, type="json")) == replace(BARE, pii=marks[0], subject_key=marks[1])
