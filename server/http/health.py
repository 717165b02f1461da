"""Health: whether the process lives, and whether it can serve."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def health_routes(check: Callable[[], Awaitable[object]]) -> list[Route]:
    """`/health/live` answers while the process lives, `/health/ready` while `check` does not raise."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_: Request) -> Response:
        try:
            await check()
        except Exception:  # whatever keeps the database from answering, the caller needs only the verdict
            return JSONResponse({"status": "unavailable"}, status_code=503)
        return JSONResponse({"status": "ready"})

    return [Route("/health/live", live), Route("/health/ready", ready)]
