"""External assets: what only lineage knows, named by a namespace and a name, both percent-encoded in the URN."""

import unicodedata
from urllib.parse import quote, unquote_to_bytes

from server.kernel.errors import BadUserInput
from server.kernel.fields import folded
from server.kernel.ids import Kind, Urn, urn
from server.kernel.record import record

LONGEST = 1_024  # characters of a URN: two of them stand in the id of an edge, and an index holds 2,704 bytes
# All printable ASCII but what parts a URN or the id of an edge, or begins an escape here or in a COPY.
_BARE = "".join(sign for sign in map(chr, range(0x20, 0x7F)) if sign not in "/>%\\")
_FORM = "write external:<namespace>/<name>, a '/' within either part as %2F"


@record
class External:
    """An external asset's two names, decoded."""

    namespace: str
    name: str

    @property
    def urn(self) -> Urn:
        """The URN in its one canonical form: `/`, `>`, `%`, `\\` and what is not ASCII are escaped, hex in capitals."""
        return urn(Kind.EXTERNAL, "/".join(quote(part, safe=_BARE) for part in (self.namespace, self.name)))

    @property
    def folded(self) -> str:
        """Equal for names that differ only by case or Unicode form (canonical caseless matching, Unicode D145)."""
        return "/".join(_folded(part) for part in (self.namespace, self.name))


def parse_external(text: str, *, field: str) -> External:
    """The asset that a URN names. Escapes need not be canonical. Raises: BadUserInput."""
    if len(text) > LONGEST:
        raise BadUserInput(
            f"{field} has {len(text)} characters; a URN of an external asset has at most {LONGEST}", field=field
        )
    parts = text.removeprefix(f"{Kind.EXTERNAL}:").split("/")
    if len(parts) != 2:
        raise BadUserInput(f"{field} {_shown(text)} does not have two parts; {_FORM}", field=field)
    namespace, name = (_decoded(part, text, field) for part in parts)
    external = External(namespace=namespace, name=name)
    if len(external.urn) > LONGEST:
        raise BadUserInput(
            f"{field} has {len(external.urn)} characters once it is escaped; {LONGEST} are allowed", field=field
        )
    return external


def _decoded(part: str, text: str, field: str) -> str:
    for escape in part.split("%")[1:]:
        if len(escape) < 2 or not set(escape[:2]) <= set("0123456789abcdefABCDEF"):
            raise BadUserInput(
                f"{field} {_shown(text)} has a '%' without two hex digits behind it; write '%' as %25", field=field
            )
    try:
        decoded = unquote_to_bytes(part).decode()
    except UnicodeError:
        raise BadUserInput(f"{field} {_shown(text)} is not UTF-8 once it is decoded; {_FORM}", field=field) from None
    if not decoded.strip():
        raise BadUserInput(f"{field} {_shown(text)} has an empty part; {_FORM}", field=field)
    if any(unicodedata.category(sign) == "Cc" for sign in decoded):
        raise BadUserInput(f"{field} {_shown(text)} holds a control character; take it out", field=field)
    return decoded


def _folded(part: str) -> str:
    return folded(part).replace("%", "%25").replace("/", "%2F")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 140 else f"{text[:140]}…")
