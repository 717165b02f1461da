"""What an owner may say of a thing: who answers for it, and what it is about."""

from server.kernel.errors import BadUserInput

LONGEST_OWNER = 200  # characters
LONGEST_DESCRIPTION = 10_000  # characters


def check_owner(owner: str) -> str:
    """`owner` itself, if it names somebody. Raises: BadUserInput."""
    if not owner.strip():
        raise BadUserInput("owner is empty; name the person or the team that answers for it", field="owner")
    if len(owner) > LONGEST_OWNER:
        raise BadUserInput(f"owner has {len(owner)} characters; {LONGEST_OWNER} are allowed", field="owner")
    return owner


def check_description(description: str) -> str:
    """`description` itself, if it is not too long. Raises: BadUserInput."""
    if len(description) > LONGEST_DESCRIPTION:
        raise BadUserInput(
            f"description has {len(description)} characters; {LONGEST_DESCRIPTION} are allowed", field="description"
        )
    return description
