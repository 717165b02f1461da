"""What the embedded server says when it cannot run."""


class ClusterError(Exception):
    """Postgres cannot be used. The message says why and what to do; it is for the person who starts the server."""
