"""Free text: stored as given, if it says something and is not a book."""

from server.kernel.errors import BadUserInput

LONGEST = 200_000  # characters


def said(text: str, *, field: str, need: str = "say it in a few words", longest: int = LONGEST) -> str:
    """`text` itself, if it says something. Raises: BadUserInput."""
    if not text.strip():
        raise BadUserInput(f"{field} is empty; {need}", field=field)
    if len(text) > longest:
        raise BadUserInput(f"{field} has {len(text)} characters; {longest} are allowed", field=field)
    return text
