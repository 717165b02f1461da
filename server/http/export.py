"""Audit trails by signed address: GET /stream/audit/… sends a lake's events, `…/signature` their signed digest."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.http.stream import STALL_SECONDS, RowResponse, headers_of, refusal_of
from server.mesh.compliance.export import PREFIX, SIGNATURE, AuditExports


def export_routes(exports: AuditExports) -> list[Route]:
    """The routes under '/stream/audit/'."""

    async def trail(request: Request) -> Response:
        try:
            opened = await exports.open(request.path_params["token"])
        except Exception as error:
            return refusal_of(error)
        if request.method == "HEAD":
            return Response(headers=headers_of(opened))
        return RowResponse(opened, STALL_SECONDS)

    async def signature(request: Request) -> Response:
        try:
            signed = await exports.signature(request.path_params["token"])
        except Exception as error:
            return refusal_of(error)
        return Response(signed, media_type="application/json", headers={"cache-control": "no-store"})

    return [
        Route(PREFIX + "{token}", trail, methods=["GET", "HEAD"], name="audit"),
        Route(PREFIX + "{token}" + SIGNATURE, signature, methods=["GET"], name="audit signature"),
    ]
