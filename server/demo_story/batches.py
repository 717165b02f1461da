"""What happens to the rows: contracts, batches, checks, privacy, a grant, a quarantine, a schema change, a replay."""

from server.demo_story.mesh import CUSTOMER_FIELDS
from server.demo_story.step import Step

PEOPLE_CSV = """customer_id,name,email,phone,country,signed_up
1,Ada Brook,ada.brook@example.com,+44 20 7946 0101,GB,2024-02-11
2,Jonas Weber,jonas.weber@example.org,+49 30 555 0177,DE,2024-03-02
3,"Lindqvist, Maja",maja@example.net,+46 8 555 0123,SE,2024-03-17
4,Noor Haddad,noor.haddad@example.com,+31 20 555 0142,NL,not a date
5,Ines Duarte,ines@example.org,+351 21 555 0199,PT,2024-05-29
"""

ORDERS_CSV = """order_id,customer_id,amount,currency,ordered_at
1001,1,129.90,GBP,2024-06-01T09:12:00Z
1002,3,48.00,EUR,2024-06-01T10:40:00Z
1003,2,310.25,EUR,2024-06-02T16:05:00+02:00
1004,5,17.50,EUR,2024-06-03T08:00:00Z
1005,1,64.99,GBP,2024-06-03T12:30:00Z
"""

BATCHES: tuple[Step, ...] = (
    Step(
        name="createContract",
        input={
            "contractId": "customers-contract",
            "dataset": "customers",
            "onBadRows": "SET_ASIDE",
            "qualityRules": [
                {"column": "customer_id", "check": "unique"},
                {"column": "country", "check": "matches '^[A-Z]{2}$'"},
                {"column": "email", "check": "not null", "severity": "WARNING"},
            ],
            "privacyRules": [
                {"column": "name", "strategy": "REDACT"},
                {"column": "email", "strategy": "MASK"},
                {"column": "phone", "strategy": "HASH"},
            ],
            "description": "Customers as the shop knows them; nobody downstream sees who they are.",
        },
        told="customers: its contract says what clean data is and what must be hidden",
    ),
    Step(
        name="appendData",
        input={
            "dataset": "customers",
            "contractId": "customers-contract",
            "batchId": "customers-2024-05",
            "fileUrl": "@people",
        },
        told="customers: five rows came, one was set aside with its line and reason",
    ),
    Step(name="runQualityCheck", input={"batchId": "customers-2024-05"}, told="customers: the batch passed its rules"),
    Step(name="anonymizeData", input={"batchId": "customers-2024-05"}, told="customers: personal columns are hidden"),
    Step(name="publishData", input={"batchId": "customers-2024-05"}, told="customers: the batch is published"),
    Step(
        name="createContract",
        input={
            "contractId": "orders-contract",
            "dataset": "orders",
            "qualityRules": [
                {"column": "amount", "check": "> 0"},
                {"column": "currency", "check": "in ('EUR', 'GBP')"},
                {"column": "customer_id", "check": "in dataset customers.customer_id"},
                {"check": "row_count > 0"},
            ],
            "retentionDays": 3650,
        },
        told="orders: its contract refuses a file with a single bad row, and orders of unknown customers",
    ),
    Step(
        name="appendData",
        input={
            "dataset": "orders",
            "contractId": "orders-contract",
            "batchId": "orders-2024-06-01",
            "fileUrl": "@orders",
        },
        told="orders: a batch of five rows",
    ),
    Step(name="runQualityCheck", input={"batchId": "orders-2024-06-01"}, told="orders: the batch passed its rules"),
    Step(name="publishData", input={"batchId": "orders-2024-06-01"}, told="orders: the batch is published"),
    Step(
        name="grantConsumption",
        input={
            "batchId": "orders-2024-06-01",
            "consumer": "analytics",
            "purpose": "monthly revenue",
            "expiresInSeconds": 86_400,
        },
        told="orders: analytics may read it for a day",
    ),
    Step(
        name="quarantineBatch",
        input={"batchId": "orders-2024-06-01", "reason": "the till reported a double booking"},
        told="orders: the batch is set apart, and analytics sees nothing of it",
    ),
    Step(
        name="releaseBatch",
        input={"batchId": "orders-2024-06-01", "reason": "the booking was right"},
        told="orders: the batch is back, and so is the grant",
    ),
    Step(
        name="createRecords",
        input={
            "dataset": "orders",
            "contractId": "orders-contract",
            "batchId": "orders-by-phone",
            "records": [
                {
                    "order_id": 1006,
                    "customer_id": 2,
                    "amount": "22.00",
                    "currency": "EUR",
                    "ordered_at": "2024-06-04T07:30:00Z",
                }
            ],
        },
        told="orders: one more came by telephone, without a file",
    ),
    Step(
        name="evolveSchema",
        input={
            "dataset": "customers",
            "fields": [*CUSTOMER_FIELDS, {"name": "newsletter", "type": "boolean"}],
            "compatibility": "BACKWARD",
        },
        told="customers: a new column, which no reader of old rows has to fear",
    ),
    Step(
        name="requestReplay",
        input={"dataset": "customers", "reason": "to show that a replay loses nothing"},
        told="customers: every batch was made again from its raw file",
    ),
)
