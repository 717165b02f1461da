"""One step of the story: a mutation, or a look at rows."""

from typing import Any

from server.kernel.record import record


@record
class Step:
    """One mutation. `keeps`: the part of its answer whose id is kept.

    A value `@name` of the input stands for what was kept under that name, or for the fileUrl of that upload.
    """

    name: str
    input: dict[str, Any]  # JSON
    told: str
    keeps: str = ""

    @property
    def mutation(self) -> str:
        """The document."""
        kind = f"{self.name[0].upper()}{self.name[1:]}Input"
        kept = f"{self.keeps} {{ id }} " if self.keeps else ""
        return f"mutation($input: {kind}!) {{ {self.name}(input: $input) {{ {kept}events {{ type }} }} }}"


@record
class Reading:
    """One query for rows, by somebody who says what for."""

    query: str
    purpose: str
    told: str
