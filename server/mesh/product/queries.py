"""Typed reads of data products, each at a position of the log."""

from collections.abc import Sequence

from server.adapters.store.listing import At, Listing
from server.adapters.store.reader import NOW, Reader
from server.adapters.store.schema_column import fields_of
from server.kernel.errors import NotFound
from server.kernel.ids import Kind, name_of, reference
from server.mesh.product.tables import ProductRow

__all__ = ["OF_DOMAIN", "ProductQueries", "ProductRow", "fields_of"]


class ProductQueries:
    """Reads of data products."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, text: str, position: int = NOW) -> ProductRow | None:
        """The product that a URN or a name means."""
        return await self._reader.by_id(ProductRow, reference(Kind.PRODUCT, text, field="name"), position)

    async def known(self, text: str, *, field: str = "product", position: int = NOW) -> ProductRow:
        """The product that a URN or a name means. Raises: NotFound."""
        urn = reference(Kind.PRODUCT, text, field=field)
        row = await self._reader.by_id(ProductRow, urn, position)
        if row is None:
            raise NotFound(
                f"data product {name_of(urn)!r} is not known; register it with registerDataProduct", field=field
            )
        return row

    async def by_ids(self, asked: Sequence[At]) -> dict[At, ProductRow]:
        """Products by URN and position."""
        return await self._reader.by_ids(ProductRow, asked)


OF_DOMAIN: Listing[ProductRow] = Listing(table=ProductRow, key="name", parent="domain")
