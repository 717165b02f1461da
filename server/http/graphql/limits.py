"""What one operation may ask for before it is refused."""

from server.kernel.record import record


@record
class Limits:
    """Bounds of one request; each refusal is LIMIT_EXCEEDED, that of time is TIMEOUT."""

    body_bytes: int = 1024 * 1024
    tokens: int = 2000
    depth: int = 15
    cost: int = 10_000  # points; weight.py says what a field costs
    same_name: int = 50  # fields that share one place in the answer: comparing them is quadratic
    selections: int = 10_000  # fields and fragments of a document, fragments spread out
    timeout_seconds: float = 30.0
    operations_per_socket: int = 100
    cached_documents: int = 2000
    cached_bytes: int = 64 * 1024 * 1024
