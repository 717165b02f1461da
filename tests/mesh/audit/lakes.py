"""Lakes with a dataset each, and what their access logs say."""

from typing import Any, TypeAlias

from tests.mesh.at_work import AtWork

CSV = "n,word,price\n1,ada,1.50\n2,bo,2.50\nx,cy,1\n"  # two rows and a reject

# accessor, dataset, action, purpose
Seen: TypeAlias = tuple[str, str, str, str]

LOG = """query($lake: ID!, $accessor: String, $dataset: ID, $first: Int, $after: String) { dataLake(id: $lake) {
  accessLog(accessor: $accessor, dataset: $dataset, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { accessor dataset { name } action purpose at position }
  }
} }"""


async def lake(mesh: AtWork, name: str, level: str = "STANDARD") -> None:
    """A lake."""
    await mesh.do("createDataLake", lakeId=name, name=name, owner="care", region="eu", complianceLevel=level)


async def ingest(mesh: AtWork, name: str, dataset: str) -> None:
    """Take a dataset without personal data into a lake."""
    await mesh.do(
        "ingestDataset",
        lake=name,
        dataset=dataset,
        dataSource="shop",
        recordCount=2,
        containsPii=False,
        encryptionEnabled=True,
    )


async def filled(mesh: AtWork, dataset: str, batch: str, **terms: Any) -> None:
    """A dataset with one batch."""
    await mesh.dataset(dataset, onBadRows="SET_ASIDE", **terms)
    await mesh.append(dataset, batch, CSV)


async def log(mesh: AtWork, name: str, **asked: Any) -> dict[str, Any]:
    """A page of the access log."""
    page: dict[str, Any] = (await mesh.ask(LOG, lake=name, **asked))["dataLake"]["accessLog"]
    return page


async def seen(mesh: AtWork, name: str) -> list[Seen]:
    """Who was seen doing what."""
    nodes = (await log(mesh, name))["nodes"]
    return [(one["accessor"], one["dataset"]["name"], one["action"], one["purpose"]) for one in nodes]


async def head(mesh: AtWork) -> int:
    """The last position of the log."""
    return await mesh.parts.mesh.events.head()
