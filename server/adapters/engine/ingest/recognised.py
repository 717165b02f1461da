"""What a landed file is, by its content: its name says nothing."""

import re
from pathlib import Path

from server.adapters.engine.ingest.job import IngestJob
from server.kernel.errors import InvalidData
from server.kernel.files import FileFormat

HEAD_BYTES = 4_096
PARQUET, ENCRYPTED = b"PAR1", b"PARE"
_OBJECT = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*["}]')
_BRACE = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_ARRAY = re.compile(rb'(?:\xef\xbb\xbf)?\s*\[\s*[\[{"\d\]-]')


def recognised(source: Path, job: IngestJob) -> FileFormat:
    """The format of a file. Raises: InvalidData."""
    with source.open("rb") as file:
        head = file.read(HEAD_BYTES)
    names = [field.name for field in job.fields]
    if head.startswith(ENCRYPTED) and not head.isascii():
        raise InvalidData("the file is an encrypted Parquet file; write it without encryption and upload it again")
    if head.startswith(PARQUET) and not any(name.startswith("PAR1") for name in names):
        return FileFormat.PARQUET
    if _OBJECT.match(head) or (_BRACE.match(head) and not any(name.startswith("{") for name in names)):
        return FileFormat.NDJSON
    if _ARRAY.match(head) and not any(name.startswith("[") for name in names):
        raise InvalidData(
            "the file is a JSON array; write one object on each line, without brackets around them and commas between"
            " them (NDJSON), and upload it again"
        )
    return FileFormat.CSV
