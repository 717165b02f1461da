"""A landed CSV file: its header is read first, and says how its records are."""

from collections.abc import Callable
from functools import partial

from server.adapters.engine.csv.block import BOM, read_block
from server.adapters.engine.csv.header import Header, read_header
from server.adapters.engine.ingest.block import Block
from server.adapters.engine.ingest.job import IngestJob, Progress
from server.adapters.engine.ingest.row_source import Form, RowSource
from server.adapters.engine.ingest.text_file import TextFile
from server.adapters.engine.typed_text import guards_of
from server.kernel.errors import InvalidData


def csv_source(
    file: TextFile, job: IngestJob, set_aside: Callable[[Block, int], None], progress: Progress
) -> RowSource:
    """The rows of a CSV file that fits the job. Raises: InvalidData."""
    header = _find_header(file, job)
    form = Form(
        columns=header.syntax.columns or 0,
        read_block=partial(read_block, syntax=header.syntax),
        guards=guards_of(job.fields, header.columns, job.csv),
    )
    return RowSource(file, form, set_aside, progress, job.gaps)


def _find_header(file: TextFile, job: IngestJob) -> Header:
    final = False
    while not final:
        final = file.read_on()
        if final and file.pending in (b"", BOM):
            raise InvalidData("the file is empty; its first line must be the header with the names of the columns")
        mark = len(BOM) if file.pending.startswith(BOM) else 0
        header = read_header(file.pending[mark:], job.fields, job.csv, job.ignored, final=final)
        if header is not None:
            file.advance(mark + header.behind, header.lines)
            return header
    raise AssertionError("a file that has ended has a header or was refused")
