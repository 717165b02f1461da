"""A dataset's place in the mesh: the product that it belongs to, or a domain, or neither."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from server.adapters.store.append import StreamCheck
from server.adapters.store.locks import product_datasets_locked
from server.kernel.errors import BadUserInput
from server.kernel.ids import Kind, Urn, name_of, reference
from server.kernel.record import record
from server.mesh.domain.queries import DomainQueries
from server.mesh.product.queries import ProductQueries


@record
class Place:
    """Where a dataset is registered. `checks`: what must still stand for it."""

    product: Urn | None
    domain: Urn | None
    checks: tuple[StreamCheck, ...] = ()


class Places:
    """Finds the places that clients name, and keeps products from going while datasets come into them."""

    def __init__(self, pool: asyncpg.Pool, products: ProductQueries, domains: DomainQueries) -> None:
        self._pool = pool
        self._products = products
        self._domains = domains

    @asynccontextmanager
    async def kept(self, product: str | None) -> AsyncGenerator[None]:
        """While a dataset is registered into a product, nobody deletes it. Raises: BadUserInput."""
        if product is None:
            yield
            return
        async with product_datasets_locked(self._pool, reference(Kind.PRODUCT, product, field="product")):
            yield

    async def named(self, product: str | None, domain: str | None) -> Place:
        """The place that a client means by URNs or names. Raises: NotFound, BadUserInput."""
        given = None if domain is None else Urn((await self._domains.known(domain)).id)
        if product is None:
            return Place(product=None, domain=given)
        row = await self._products.known(product)
        if given is not None and given != row.domain:
            raise BadUserInput(
                f"data product {row.name!r} belongs to domain {name_of(Urn(row.domain))!r}, not to"
                f" {name_of(given)!r}; leave domain out, or give that of the product",
                field="domain",
            )
        check = StreamCheck(stream=Urn(row.id), version=row.revision)
        return Place(product=Urn(row.id), domain=Urn(row.domain), checks=(check,))
