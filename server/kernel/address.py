"""A signed address: who holds it may read or write one file for a while."""

from collections.abc import Mapping
from datetime import datetime

from server.kernel.record import record


@record
class Address:
    """An address from the server's root, and how to use it. `headers`: what the request must carry."""

    path: str
    method: str
    headers: Mapping[str, str]
    expires_at: datetime
