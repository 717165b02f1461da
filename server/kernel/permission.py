"""Permissions: what a field of the graph asks of its caller."""

from enum import StrEnum
from typing import assert_never

from server.kernel.caller import Caller, Role
from server.kernel.errors import Forbidden, Unauthenticated


class Permission(StrEnum):
    """The kinds of door. CATALOG opens to everybody while the server is set to public reading."""

    PUBLIC = "PUBLIC"
    CATALOG = "CATALOG"
    ROWS = "ROWS"
    AUDIT = "AUDIT"
    COMPLIANCE = "COMPLIANCE"
    CHANGE = "CHANGE"


def require(permission: Permission, caller: Caller, *, public_read: bool) -> None:
    """Let the caller through or refuse. Raises: Unauthenticated, Forbidden."""
    match permission:
        case Permission.PUBLIC:
            return
        case Permission.CATALOG:
            if public_read or not caller.anonymous:
                return
        case Permission.ROWS | Permission.CHANGE:
            if Role.ADMIN in caller.roles:
                return
        case Permission.AUDIT | Permission.COMPLIANCE:
            if caller.roles & {Role.COMPLIANCE, Role.ADMIN}:
                return
        case _:
            assert_never(permission)
    if caller.anonymous:
        raise Unauthenticated("this needs a key; send 'Authorization: Bearer <key>'")
    raise Forbidden(f"{caller.name!r} has no role that allows this")
