"""A lake and a dataset that may come into it, in short."""

from typing import Any

from server.kernel.compliance import ComplianceLevel
from server.kernel.fields import Field
from server.kernel.ids import Urn
from server.mesh.lake.commands import CreateLake, IngestDataset
from server.mesh.lake.facts import AccessAudited, DataLakeCreated, DatasetIngested

EU, US = Urn("lake:eu"), Urn("lake:us")
USERS, CARTS = Urn("dataset:users"), Urn("dataset:carts")

PLAIN = (Field(name="cart_id", type="int"),)
PERSONAL = (Field(name="user_id", type="string"), Field(name="email", type="string", pii=True))
KEYED = (Field(name="user_id", type="string", subject_key=True), Field(name="email", type="string", pii=True))

LEVELS = (ComplianceLevel.STANDARD, ComplianceLevel.GDPR, ComplianceLevel.STRICT)


def create(level: ComplianceLevel = ComplianceLevel.GDPR, **other: Any) -> CreateLake:
    said = {"name": "EU lake", "owner": "ann", "region": "eu-central-1", **other}
    return CreateLake(lake=EU, compliance_level=level, **said)


def created(level: ComplianceLevel = ComplianceLevel.GDPR) -> DataLakeCreated:
    return DataLakeCreated(lake=EU, name="EU lake", owner="ann", region="eu-central-1", compliance_level=level)


def ingest(**other: Any) -> IngestDataset:
    """A dataset of which everything was said that any level asks."""
    said: dict[str, Any] = {
        "lake": EU,
        "dataset": USERS,
        "data_source": "crm",
        "record_count": 12,
        "contains_pii": True,
        "encryption_enabled": True,
        "known_pii": None,
        "known_encryption": False,
        "fields": KEYED,
    }
    return IngestDataset(**(said | other))


def ingested(**other: Any) -> DatasetIngested:
    said: dict[str, Any] = {
        "lake": EU,
        "dataset": USERS,
        "data_source": "crm",
        "record_count": 12,
        "contains_pii": True,
        "encryption_enabled": True,
    }
    return DatasetIngested(**(said | other))


def audited(dataset: Urn = USERS) -> AccessAudited:
    return AccessAudited(lake=EU, accessor="eve", dataset=dataset, action="records", purpose="support")
