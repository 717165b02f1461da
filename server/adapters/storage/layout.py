"""The layout of the lake: which object stands under which key, as pure functions."""

import re
from uuid import UUID

from server.kernel.errors import BadUserInput
from server.kernel.ids import NAME_PATTERN
from server.kernel.record import record

# No segment starts with a dot, so neither '..' nor the store's own '.staging' can be spelled.
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}"
KEY_PATTERN = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,15}}", re.ASCII)
_LABEL_LENGTH = 128
LABEL_PATTERN = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{_LABEL_LENGTH - 1}}}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FORM = re.compile(r"[0-9a-f]{12}", re.ASCII)
_SUFFIX = re.compile(r"\.[a-z0-9]{1,16}", re.ASCII)
_LANDED = re.compile(
    rf"landing/([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})/({LABEL_PATTERN.pattern})", re.ASCII
)
LANDING = "landing/"
CHECKPOINTS = "_checkpoints/"


@record
class LandingFile:
    """An upload. `filename` is the user's label, made safe."""

    upload_id: UUID
    filename: str

    @property
    def key(self) -> str:
        """The object's key, which is also the `fileUrl` that clients hand in."""
        return f"{LANDING}{self.upload_id}/{self.filename}"


def check_key(key: str) -> str:
    """`key` itself, if it may be an object's key. Raises: BadUserInput."""
    if not KEY_PATTERN.fullmatch(key):
        raise BadUserInput(
            f"storage key {key[:80]!r} is not well formed: segments of letters, digits, '.', '_' and '-'"
            " that start with none of '.' and '-', joined by '/'"
        )
    return key


def file_label(filename: str) -> str:
    """What is kept of a user's file name: its last segment, 1 to 128 safe characters, the end of a longer one."""
    last = re.split(r"[/\\]", filename)[-1]
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", last)[-_LABEL_LENGTH:]
    return re.sub(r"^[.-]", "_", safe) or "upload"


def landing(upload_id: UUID, filename: str) -> str:
    """Where an upload lands; the same text is its `fileUrl`."""
    return LandingFile(upload_id=upload_id, filename=file_label(filename)).key


def landing_file(key: str) -> LandingFile | None:
    """The upload under `key`; None for any other object, a file of a dataset called 'landing' included."""
    found = _LANDED.fullmatch(key)
    return LandingFile(upload_id=UUID(found[1]), filename=found[2]) if found else None


def parse_file_url(text: str) -> LandingFile:
    """The upload that a client means by `fileUrl`. Raises: BadUserInput."""
    if landed := landing_file(text):
        return landed
    raise BadUserInput(
        f"fileUrl {text[:80]!r} is not the address of an upload: call createUploadUrl, PUT the file to its uploadUrl"
        " and hand in its fileUrl",
        field="fileUrl",
    )


def raw(dataset: str, batch: str, sha256: str, suffix: str) -> str:
    """The upload as it came. `sha256`: hex of its bytes; `suffix`: with the dot, such as '.csv'."""
    assert _SHA256.fullmatch(sha256), "raw is named by the SHA-256 of its bytes, 64 lower-case hex digits"
    assert _SUFFIX.fullmatch(suffix), "a suffix is a dot and lower-case letters or digits"
    return _of_batch(dataset, "raw", batch, sha256 + suffix)


def raw_gaps(dataset: str, batch: str, sha256: str) -> str:
    """Which records a raw file with this digest lacks after an erasure; no object where it lacks none."""
    assert _SHA256.fullmatch(sha256), "gaps stand beside a raw file and are named by its SHA-256"
    return _of_batch(dataset, "raw", batch, f"{sha256}.gaps.json")


def bronze(dataset: str, batch: str, attempt: int) -> str:
    """Typed rows of the batch."""
    return _of_batch(dataset, "bronze", batch, f"{_number(attempt)}.parquet")


def rejects(dataset: str, batch: str, attempt: int) -> str:
    """Records that did not fit: line, column, reason and raw text. Holds personal data."""
    return _of_batch(dataset, "bronze", batch, f"{_number(attempt)}.rejects.parquet")


def samples(dataset: str, batch: str, attempt: int) -> str:
    """JSON of some rows that failed a quality check, pii masked."""
    return _of_batch(dataset, "bronze", batch, f"{_number(attempt)}.samples.json")


def silver(dataset: str, batch: str, attempt: int) -> str:
    """Rows after quality and privacy rules."""
    return _of_batch(dataset, "silver", batch, f"{_number(attempt)}.parquet")


def gold(dataset: str, batch: str, attempt: int) -> str:
    """Published rows."""
    return _of_batch(dataset, "gold", batch, f"{_number(attempt)}.parquet")


def compact(dataset: str, layer: str, number: int) -> str:
    """A copy of the files of many batches in a layer, for reading only."""
    assert NAME_PATTERN.fullmatch(dataset), "a dataset stands in a key by its bare name"
    return f"{compacted(dataset)}{layer}/{_number(number)}.parquet"


def compacted(dataset: str) -> str:
    """The folder of a dataset's copies."""
    return f"{dataset}/compact/"


def aligned(dataset: str, batch: str, attempt: int, form: str) -> str:
    """Published rows once more, in the types of the dataset's Delta table. `form`: hex that stands for those types."""
    assert _FORM.fullmatch(form), "a form is 12 lower-case hex digits"
    return _of_batch(dataset, "gold", batch, f"{_number(attempt)}.{form}.parquet")


def delta_table(dataset: str) -> str:
    """The prefix below which the dataset's Delta table has its files."""
    assert NAME_PATTERN.fullmatch(dataset), "a dataset stands in a key by its bare name"
    return f"{dataset}/gold/"


def delta_log(dataset: str) -> str:
    """The prefix of the Delta log: no batch's name starts with '_'. What stands below is nobody else's business."""
    return f"{delta_table(dataset)}_delta_log/"


def folders(dataset: str, batch: str) -> tuple[str, ...]:
    """The prefixes below which everything of a batch stands that is the batch's alone."""
    return tuple(_of_batch(dataset, layer, batch, "") for layer in ("raw", "bronze", "silver", "gold"))


def checkpoint(position: int) -> str:
    """A signed checkpoint of the log: no dataset's name starts with '_'."""
    assert position >= 1, "positions count from 1"
    return f"{CHECKPOINTS}{position:019d}.json"


def batch_claim(dataset: str, batch: str) -> str:
    """What is claimed by whoever makes files of a batch without a run."""
    return _of_batch(dataset, "raw", batch, "made")


def _of_batch(dataset: str, layer: str, batch: str, name: str) -> str:
    assert NAME_PATTERN.fullmatch(dataset), "a dataset stands in a key by its bare name"
    assert NAME_PATTERN.fullmatch(batch), "a batch stands in a key by its bare name"
    return f"{dataset}/{layer}/{batch}/{name}"


def _number(attempt: int) -> int:
    assert attempt >= 1, "attempts count from 1"
    return attempt
