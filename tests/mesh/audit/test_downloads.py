"""Published files by grant: each download of a lake's rows is the consumer's read, for the purpose of the grant."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.adapters.storage.signing import PREFIX, Permit
from server.kernel.errors import BadUserInput, Forbidden
from tests.mesh.at_work import AtWork, at_work
from tests.mesh.audit.lakes import filled, head, ingest, lake, seen


@pytest.fixture
async def mesh(database_url: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The published batch `b` of the dataset `d`, in no lake; the lakes `open` and `guarded`."""
    async with at_work(database_url, tmp_path) as mesh:
        await filled(mesh, "d", "b")
        await mesh.do("publishData", batchId="b")
        await lake(mesh, "open")
        await lake(mesh, "guarded", "GDPR")
        yield mesh


async def test_a_download_is_recorded_for_the_consumer_and_a_look_at_its_head_is_not(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    told = await granted(mesh, purpose="reporting")
    untold = await granted(mesh)
    await download(mesh, told, reads=False)
    assert await seen(mesh, "open") == []
    for grant, purpose in ((told, None), (told, "else"), (untold, None), (untold, "audit")):
        await download(mesh, grant, purpose)
    assert [(one[0], *one[2:]) for one in await seen(mesh, "open")] == [
        ("bi", "download", "reporting"),
        ("bi", "download", "reporting"),
        ("bi", "download", "unspecified"),
        ("bi", "download", "audit"),
    ]


async def test_rows_in_no_lake_leave_no_record(mesh: AtWork) -> None:
    permit = await granted(mesh)
    before = await head(mesh)
    await download(mesh, permit)
    assert await head(mesh) == before


async def test_a_grant_from_before_the_lake_needs_a_purpose_at_each_download(mesh: AtWork) -> None:
    permit = await granted(mesh)
    await ingest(mesh, "guarded", "d")
    before = await head(mesh)
    for reads in (True, False):
        with pytest.raises(BadUserInput) as refused:
            await download(mesh, permit, reads=reads)
    assert refused.value.message == (
        "dataset 'd' is in lake 'guarded' of level GDPR, where each read needs a purpose; this grant says none: send it"
        " as the header X-Purpose, or ask the owner for a grant with a purpose"
    )
    assert await head(mesh) == before
    await download(mesh, permit, "audit")
    assert await seen(mesh, "guarded") == [("bi", "d", "download", "audit")]


async def test_refuses_to_grant_without_purpose_what_could_not_be_used(mesh: AtWork) -> None:
    await ingest(mesh, "guarded", "d")
    before = await head(mesh)
    grant = 'mutation { grantConsumption(input: {batchId: "b", consumer: "bi"%s}) { grant { purpose } } }'
    assert await mesh.refused(grant % "") == (
        "BAD_USER_INPUT",
        "dataset 'd' is in lake 'guarded' of level GDPR, where each read needs a purpose; say it as `purpose` of the"
        " grant",
    )
    assert await mesh.refused(grant % ', purpose: " "') == (
        "BAD_USER_INPUT",
        "purpose is empty; say in a few words why the data is read",
    )
    assert await head(mesh) == before
    told = await mesh.ask(grant % ', purpose: "reporting"')
    assert told["grantConsumption"]["grant"] == {"purpose": "reporting"}


async def test_a_grant_that_ended_leaves_no_record(mesh: AtWork) -> None:
    await ingest(mesh, "open", "d")
    permit = await granted(mesh, purpose="reporting")
    await mesh.do("revokeConsumption", grant=f"grant:{permit.grant}")
    before = await head(mesh)
    with pytest.raises(Forbidden, match="this grant has ended"):
        await download(mesh, permit)
    assert await head(mesh) == before


async def granted(mesh: AtWork, **given: str) -> Permit:
    """What the address of a new grant of `bi` allows."""
    made = await mesh.do("grantConsumption", "grant { id url { url } }", batchId="b", consumer="bi", **given)
    grant = made["grant"]
    key = grant["url"]["url"].partition(PREFIX)[2].partition("?")[0]
    expires_at = datetime.now(UTC) + timedelta(minutes=5)
    return Permit(method="GET", key=key, expires_at=expires_at, grant=grant["id"].removeprefix("grant:"))


async def download(mesh: AtWork, permit: Permit, purpose: str | None = None, *, reads: bool = True) -> None:
    """Ask for the file."""
    await mesh.parts.mesh.grants.authorize(permit, purpose, "c-1", reads=reads)
