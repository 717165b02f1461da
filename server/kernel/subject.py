"""A subject's id: what may be one, the one form in which it is compared, and texts that must not repeat it."""

import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote, unquote_plus
from uuid import UUID

from server.kernel.errors import BadUserInput

SHORTEST = 3  # characters; a shorter id stands in too many cells that mean something else
LONGEST = 256  # characters
RARE = 8  # characters; an id of that length does not stand in a random UUID by chance
_DECODINGS = 3  # how often a text is percent-decoded: an address may have been quoted within another


def check_subject(text: str) -> str:
    """The id in the form in which it is compared: NFC, without space around it.

    Raises: BadUserInput, which never repeats the id.
    """
    subject = normalised(text)
    if not subject:
        raise BadUserInput("subjectId is empty; give the id by which the data knows the person", field="subjectId")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in subject):
        raise BadUserInput(
            "subjectId holds a control character; give the id exactly as it stands in the data", field="subjectId"
        )
    if len(subject) < SHORTEST:
        raise BadUserInput(
            f"subjectId has {len(subject)} characters, and at least {SHORTEST} are needed: a shorter one would erase"
            " rows of others; give an id that means one person only",
            field="subjectId",
        )
    if len(text) > LONGEST:
        raise BadUserInput(f"subjectId has {len(text)} characters; {LONGEST} are allowed", field="subjectId")
    return subject


def normalised(text: str) -> str:
    """The form in which ids are compared."""
    return unicodedata.normalize("NFC", text).strip()


def refuse_repeating(subject: str, texts: Mapping[str, str]) -> None:
    """Refuse texts, by their input's name, that hold the subject's id. Raises: BadUserInput, without the id."""
    for field, text in texts.items():
        if repeats(text, subject):
            raise BadUserInput(
                f"{field} holds the id of the subject, and what it says is kept for ever; say it without the id",
                field=field,
            )


def repeats(text: str, subject: str) -> bool:
    """Whether a text holds the id: in any case, in any Unicode form, percent-encoded or plain.

    A random UUID may hold a short id by chance, which tells nothing of anybody.
    """
    if len(subject) < RARE and _is_uuid(text):
        return False
    wanted = _folded(subject)
    return any(wanted in form for form in _forms(text))


def _forms(text: str) -> set[str]:
    forms = {text}
    for _ in range(_DECODINGS):
        forms |= {decode(form) for form in forms for decode in (unquote, unquote_plus)}
    return {_folded(form) for form in forms}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
