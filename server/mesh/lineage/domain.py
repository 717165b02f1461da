"""Lineage's rules: when an edge may be registered or removed. What stands comes with the command, out of the graph."""

from collections.abc import Sequence
from typing import assert_never

from server.kernel.errors import BadUserInput, LimitExceeded, NotFound, PreconditionFailed
from server.kernel.ids import Urn
from server.mesh.lineage.commands import Command, RegisterLineage, RemoveLineage
from server.mesh.lineage.facts import Event, LineageRegistered, LineageRemoved
from server.mesh.lineage.metadata import same

SHOWN = 80  # characters of a URN or another name in a message
NAMED = 8  # assets of a loop in a message


def decide(command: Command) -> Sequence[Event]:
    """What the command records. Raises: Refused."""
    match command:
        case RegisterLineage():
            return registered(command)
        case RemoveLineage(source=source, target=target, reason=reason, standing=standing):
            if not standing:
                raise NotFound(
                    f"no edge leads from {shown(source)} to {shown(target)}; lineageEdges lists those that stand",
                    field="source",
                )
            return [LineageRemoved(source=source, target=target, reason=reason)]
        case _:
            assert_never(command)


def registered(command: RegisterLineage) -> Sequence[LineageRegistered]:
    """The edge as it will stand; nothing where it stands so already. Raises: Refused."""
    source, target, terms, standing = command.source, command.target, command.terms, command.standing
    if not 0 < terms.confidence <= 1:
        raise BadUserInput(f"confidence {terms.confidence} is out of bounds: above 0 and at most 1", field="confidence")
    if source == target:
        raise PreconditionFailed(
            f"{shown(source)} cannot be made of itself; name another source or target", path=[source, target]
        )
    if standing is not None and same_terms(command):
        return []
    loop = (source, *command.loop) if standing is None and command.loop else ()
    if standing is None:
        check_room(command)
    if loop and not command.allow_cycle:
        raise PreconditionFailed(
            f"this edge would close the loop {way(loop)}; remove one of its edges, or set allowCycle", path=list(loop)
        )
    event = LineageRegistered(
        source=source,
        target=target,
        again=standing is not None,
        transformation=terms.transformation,
        lineage_type=terms.lineage_type,
        confidence=terms.confidence,
        metadata=terms.metadata,
        columns=terms.columns,
        columns_unknown=terms.columns_unknown,
        externals=command.introduced,
        loop=loop,
    )
    return [event]


def same_terms(command: RegisterLineage) -> bool:
    """Whether the edge stands exactly as it is asked for."""
    asked, standing = command.terms, command.standing
    assert standing is not None, "only an edge that stands can be the same"
    return asked == standing and same(asked.metadata, standing.metadata)


def check_room(command: RegisterLineage) -> None:
    """Raises: LimitExceeded."""
    if command.edges >= command.most:
        raise LimitExceeded(
            f"{command.edges} edges stand and MAX_LINEAGE_ENTRIES allows {command.most};"
            " remove some with removeLineage, or raise the setting",
            limit=command.most,
        )


def way(loop: Sequence[Urn]) -> str:
    """A loop in words, without its middle where it is long."""
    if len(loop) <= NAMED:
        return " -> ".join(map(shown, loop))
    half = NAMED // 2
    between = f"… {len(loop) - 2 * half} more …"
    return " -> ".join([*map(shown, loop[:half]), between, *map(shown, loop[-half:])])


def shown(name: str) -> str:
    """A URN or another name in a message."""
    return repr(name if len(name) <= SHOWN else f"{name[:SHOWN]}…")
