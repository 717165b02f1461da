"""What the privacy officer does: a lake, who reads its rows, a person's erasure and a request that waits."""

from server.demo_story.step import Reading, Step

COMPLIANCE: tuple[Step | Reading, ...] = (
    Step(
        name="createDataLake",
        input={
            "lakeId": "shop-eu",
            "name": "The shop's data, EU",
            "owner": "privacy@example.com",
            "region": "eu-central-1",
            "complianceLevel": "GDPR",
        },
        told="shop-eu: a lake of level GDPR",
    ),
    Step(
        name="ingestDataset",
        input={
            "lake": "shop-eu",
            "dataset": "customers",
            "dataSource": "crm",
            "recordCount": 5,
            "containsPii": True,
        },
        told="shop-eu: takes in customers, whose rows say by email whom they are about",
    ),
    Reading(
        query='{ dataset(name: "customers") { records(fields: ["name", "email"]) { nodes } } }',
        purpose="complaint 118",
        told="shop-eu: somebody reads customers, says what for, and is recorded before the first row goes out",
    ),
    Step(
        name="requestGdprDeletion",
        input={
            "lake": "shop-eu",
            "subjectId": "jonas.weber@example.org",
            "reason": "asked by letter, case 2024-17",
            "requestedBy": "privacy desk",
        },
        told="shop-eu: a customer asks to be erased; the request has 30 days",
        keeps="deletion",
    ),
    Step(
        name="processGdprDeletion",
        input={"deletion": "@deletion"},
        told="shop-eu: gone from the upload, and from typed, hidden and published rows; a signed receipt says so",
    ),
    Step(
        name="requestGdprDeletion",
        input={
            "lake": "shop-eu",
            "subjectId": "maja@example.net",
            "reason": "asked by telephone, case 2024-21",
            "requestedBy": "privacy desk",
        },
        told="shop-eu: a second request, which waits for its decision",
    ),
)
