"""Finding the column that a rule names, and saying which one was probably meant."""

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

from server.kernel.errors import BadUserInput
from server.kernel.fields import MAX_NAME, Field, folded


def named_column(name: str, fields: Sequence[Field], *, among: str = "the schema") -> Field:
    """The field of this exact name (in NFC). Raises: BadUserInput, naming the nearest known column."""
    wanted = unicodedata.normalize("NFC", name)
    for field in fields:
        if field.name == wanted:
            return field
    known = {folded(field.name): field.name for field in fields}
    near = get_close_matches(folded(wanted), known, n=1)
    names = [field.name for field in fields]
    hint = (
        f"did you mean {known[near[0]]!r}?"
        if near
        else f"name one of {', '.join(map(repr, names[:20]))}{', ...' if len(names) > 20 else ''}"
    )
    raise BadUserInput(f"column {name[:MAX_NAME]!r} is not in {among}; {hint}", field="column")
