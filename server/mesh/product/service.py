"""Commands on data products."""

from server.adapters.store.aggregate import Aggregate
from server.adapters.store.commands import Commands, Decision, Receipt, decide, version_differs
from server.kernel.ids import Kind, Urn, check_name, reference, urn
from server.kernel.intent import Intent
from server.mesh.domain.queries import DomainQueries
from server.mesh.product.domain import PRODUCT, RegisterProduct, UpdateProduct
from server.mesh.product.limit import ProductLimit
from server.mesh.product.state import State, Terms

AGGREGATE = Aggregate(Kind.PRODUCT, PRODUCT, State)


class ProductService:
    """Registers data products and changes them."""

    def __init__(self, commands: Commands, domains: DomainQueries, limit: ProductLimit) -> None:
        self._commands = commands
        self._domains = domains
        self._limit = limit

    async def register(self, name: str, domain: str, terms: Terms, *, intent: Intent) -> tuple[Urn, Receipt]:
        """Give a product its name. Raises: BadUserInput, NotFound, AlreadyExists, LimitExceeded, Conflict."""
        product = urn(Kind.PRODUCT, check_name(name, field="name"))

        async def attempt() -> Decision:
            owner = await self._domains.known(domain)
            loaded = await self._commands.load(AGGREGATE, product)
            decision = decide(AGGREGATE, product, loaded, RegisterProduct(name=name, domain=Urn(owner.id), terms=terms))
            await self._limit.check()
            return decision

        async with self._limit.kept():
            return product, await self._commands.perform(intent, attempt)

    async def update(self, command: UpdateProduct, *, expected: int | None, intent: Intent) -> Receipt:
        """Change a product. Raises: BadUserInput, NotFound, PreconditionFailed, Conflict."""

        async def attempt() -> Decision:
            loaded = await self._commands.load(AGGREGATE, command.product)
            if expected is not None and loaded.state is not None and loaded.version != expected:
                raise version_differs(loaded, expected)
            return decide(AGGREGATE, command.product, loaded, command)

        return await self._commands.perform(intent, attempt)


def product_named(text: str) -> Urn:
    """The URN of the product that a client means. Raises: BadUserInput."""
    return reference(Kind.PRODUCT, text, field="name")
