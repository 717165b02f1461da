"""One mutation of the story."""

from typing import Any

from server.kernel.record import record


@record
class Step:
    """One mutation. A value `@name` of the input stands for the fileUrl of that upload."""

    name: str
    input: dict[str, Any]  # JSON
    told: str

    @property
    def mutation(self) -> str:
        """The document."""
        kind = f"{self.name[0].upper()}{self.name[1:]}Input"
        return f"mutation($input: {kind}!) {{ {self.name}(input: $input) {{ events {{ type }} }} }}"
