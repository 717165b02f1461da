"""The scope of a dataset's privacy keys: inside it equal values get equal tokens, across scopes they never do."""

from server.adapters.engine.privacy.keys import MESH


def key_scope(domain: str | None) -> str:
    """The URN of the domain that the dataset was registered in, or the mesh where it belongs to none."""
    return domain or MESH
