"""What a client says of an edge, and whether it may be said: its texts, and the columns that it links."""

from collections.abc import Sequence
from typing import Any

from server.adapters.sql_columns.dialects import DIALECTS
from server.kernel.errors import BadUserInput
from server.kernel.fields import MAX_NAME
from server.kernel.lineage import ExternalKind, LineageType
from server.kernel.record import record
from server.mesh.lineage.assets import End
from server.mesh.lineage.domain import shown
from server.mesh.lineage.facts import ColumnLink

LONGEST_TRANSFORMATION = 10_000  # characters
LONGEST_SQL = 100_000  # bytes
MOST_LINKS = 5_000  # sources of all columns of an edge


@record
class Claim:
    """An edge as a client asks for it: ends by URN; columns linked by hand or out of SQL, not both."""

    source: str
    target: str
    transformation: str = ""
    lineage_type: LineageType = LineageType.DIRECT
    confidence: float = 1.0
    metadata: dict[str, Any]  # any JSON that check_metadata allows
    sql: str | None = None
    sql_dialect: str | None = None
    columns: tuple[ColumnLink, ...] | None = None
    source_kind: ExternalKind | None = None
    target_kind: ExternalKind | None = None
    allow_cycle: bool = False


def check_claim(claim: Claim) -> None:
    """Refuse what nobody needs to look up. Raises: BadUserInput."""
    length = len(claim.transformation)
    if length > LONGEST_TRANSFORMATION:
        raise BadUserInput(
            f"transformation has {length} characters; {LONGEST_TRANSFORMATION} are allowed", field="transformation"
        )
    if claim.sql is not None and claim.columns is not None:
        raise BadUserInput("sql and columns are both given; columns are read from sql, so leave one out", field="sql")
    if claim.sql_dialect is not None and claim.sql is None:
        raise BadUserInput("sqlDialect is given without sql; give sql too, or leave it out", field="sqlDialect")
    if claim.sql_dialect is not None and claim.sql_dialect not in DIALECTS:
        raise BadUserInput(
            f"sqlDialect {shown(claim.sql_dialect)} is not known; name one of {', '.join(DIALECTS)}",
            field="sqlDialect",
        )
    if claim.sql is not None and (size := len(claim.sql.encode())) > LONGEST_SQL:
        raise BadUserInput(f"sql has {size} bytes; {LONGEST_SQL} are allowed: name the columns instead", field="sql")


def check_links(links: Sequence[ColumnLink], source: End, target: End) -> None:
    """Refuse links of columns that the ends do not have. Raises: BadUserInput."""
    if (count := sum(max(1, len(link.sources)) for link in links)) > MOST_LINKS:
        raise BadUserInput(f"columns link {count} times; {MOST_LINKS} are allowed", field="columns")
    targets: set[str] = set()
    for link in links:
        if link.target in targets:
            raise BadUserInput(
                f"columns name the target {shown(link.target)} twice; name it once with all of its sources",
                field="columns",
            )
        targets.add(link.target)
        _check_column(link.target, target, "target")
        for name in link.sources:
            _check_column(name, source, "source")
        if len(set(link.sources)) < len(link.sources):
            raise BadUserInput(f"columns name a source of {shown(link.target)} twice; name it once", field="columns")


def _check_column(name: str, end: End, which: str) -> None:
    if end.columns is None:
        if not (1 <= len(name) <= MAX_NAME and name.strip()):
            raise BadUserInput(
                f"columns name a {which} of {len(name)} characters; 1 to {MAX_NAME} are allowed", field="columns"
            )
    elif name not in end.columns:
        raise BadUserInput(
            f"columns name the {which} {shown(name)}, which {end.urn!r} does not have; name one of its columns",
            field="columns",
        )
