"""Names that Avro can spell: letters, digits and underscores, none of them lost and none taken twice."""

import re

_FOREIGN = re.compile(r"[^A-Za-z0-9_]|^[0-9]|_(?=u[0-9a-f]+_)")


def spelled(name: str) -> str:
    """The name itself, or with each character that Avro does not have as `_u<code point in hex>_`."""
    return _FOREIGN.sub(lambda found: f"_u{ord(found[0]):x}_", name)
