"""What the parts of a server are built upon: all that is open before anything decides."""

from server.assembly.reads import Reads
from server.assembly.tools import Tools
from server.assembly.work import Work
from server.database import Database, Store
from server.kernel.record import record
from server.settings import Settings


@record
class Foundation:
    """What reads, what works, and what both rest on."""

    settings: Settings
    database: Database
    store: Store
    tools: Tools
    reads: Reads
    work: Work
