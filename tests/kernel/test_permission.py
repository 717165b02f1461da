"""Permissions: which roles open which door."""

import pytest

from server.kernel.caller import ANONYMOUS, Caller, Role
from server.kernel.errors import Forbidden, Unauthenticated
from server.kernel.permission import Permission, require

ROLES = {Permission.CATALOG: frozenset(Role)} | {
    Permission.ROWS: frozenset({Role.ADMIN}),
    Permission.AUDIT: frozenset({Role.COMPLIANCE, Role.ADMIN}),
    Permission.COMPLIANCE: frozenset({Role.COMPLIANCE, Role.ADMIN}),
    Permission.CHANGE: frozenset({Role.ADMIN}),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", ROLES)
def test_a_door_opens_to_its_roles_and_to_nobody_else(permission: Permission, role: Role) -> None:
    caller = Caller(name="ada", roles=frozenset({role}))
    if role in ROLES[permission]:
        require(permission, caller, public_read=False)
        return
    with pytest.raises(Forbidden):
        require(permission, caller, public_read=True)


@pytest.mark.parametrize("permission", ROLES)
def test_without_a_key_only_the_public_catalog_is_open(permission: Permission) -> None:
    with pytest.raises(Unauthenticated):
        require(permission, ANONYMOUS, public_read=False)
    if permission is Permission.CATALOG:
        require(permission, ANONYMOUS, public_read=True)
        return
    with pytest.raises(Unauthenticated):
        require(permission, ANONYMOUS, public_read=True)


def test_what_is_public_is_open_to_everybody() -> None:
    require(Permission.PUBLIC, ANONYMOUS, public_read=False)
