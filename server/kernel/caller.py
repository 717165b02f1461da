"""The caller: who asks, and in which roles."""

from enum import StrEnum

from server.kernel.record import record


class Role(StrEnum):
    """What a principal may be."""

    CONSUMER = "CONSUMER"
    PRODUCER = "PRODUCER"
    COMPLIANCE = "COMPLIANCE"
    ADMIN = "ADMIN"


@record
class Caller:
    """A principal by name, with its roles; anonymous without any."""

    name: str
    roles: frozenset[Role] = frozenset()

    @property
    def anonymous(self) -> bool:
        """Whether nobody in particular asks."""
        return not self.roles


ANONYMOUS = Caller(name="anonymous")
