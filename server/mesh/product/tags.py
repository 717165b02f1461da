"""Tags: short words by which data products are found."""

from collections.abc import Sequence

from server.kernel.errors import BadUserInput
from server.kernel.fields import folded

MOST_TAGS = 20
LONGEST_TAG = 50  # characters


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags trimmed and folded, which is small letters in NFC; each once, blanks left out. Raises: BadUserInput."""
    words = tuple(dict.fromkeys(word for tag in tags if (word := folded(tag.strip()))))
    if len(words) > MOST_TAGS:
        raise BadUserInput(f"{len(words)} tags are given; {MOST_TAGS} are allowed", field="tags")
    for word in words:
        if len(word) > LONGEST_TAG:
            raise BadUserInput(
                f"tag {word[:LONGEST_TAG]!r} has {len(word)} characters; {LONGEST_TAG} are allowed", field="tags"
            )
    return words
