"""A landed NDJSON file: one JSON object on each line, its members the columns of the schema."""

from collections.abc import Callable
from functools import partial

from server.adapters.engine.csv.block import BOM
from server.adapters.engine.ingest.block import Block
from server.adapters.engine.ingest.job import IngestJob, Progress
from server.adapters.engine.ingest.row_source import Form, RowSource
from server.adapters.engine.ingest.text_file import TextFile
from server.adapters.engine.ndjson.block import read_block
from server.adapters.engine.ndjson.cells import columns_of
from server.adapters.engine.typed_text import guards_of


def ndjson_source(
    file: TextFile, job: IngestJob, set_aside: Callable[[Block, int], None], progress: Progress
) -> RowSource:
    """The rows of an NDJSON file. Raises: InvalidData."""
    while len(file.pending) < len(BOM) and not file.read_on():
        continue
    if file.pending.startswith(BOM):
        file.advance(len(BOM), 0)
    fields = job.fields
    form = Form(
        columns=len(fields),
        read_block=partial(read_block, columns=columns_of(fields, job.ignored)),
        guards=guards_of(fields, range(len(fields)), text_only=True),
    )
    return RowSource(file, form, set_aside, progress, job.gaps)
