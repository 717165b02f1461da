"""Commands on domains."""

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.commands import Commands, Receipt
from server.kernel.ids import Kind, Urn, check_name, reference, urn
from server.kernel.intent import Intent
from server.mesh.domain.domain import DOMAIN, CreateDomain, State, UpdateDomain

AGGREGATE = Aggregate(Kind.DOMAIN, DOMAIN, State)


class DomainService:
    """Creates domains and changes what is said of them."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def create(self, name: str, owner: str, description: str, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Give a domain its name. Raises: BadUserInput, AlreadyExists, Conflict."""
        domain = urn(Kind.DOMAIN, check_name(name, field="name"))
        command = CreateDomain(name=name, owner=owner, description=description)
        return domain, await self._commands.execute(AGGREGATE, domain, command, intent)

    async def update(
        self, name: str, owner: str | None, description: str | None, *, expected: int | None, intent: Intent
    ) -> tuple[Urn, Receipt]:
        """Change what is said of a domain; None leaves it. Raises: BadUserInput, NotFound, Conflict."""
        domain = reference(Kind.DOMAIN, name, field="name")
        command = UpdateDomain(domain=domain, owner=owner, description=description)
        return domain, await self._commands.execute(AGGREGATE, domain, command, intent, expected=expected)
