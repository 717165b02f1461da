"""Three domains, what they offer, and the datasets through which it is consumed."""

from typing import Any

from server.demo_story.step import Step

CUSTOMER_FIELDS: list[dict[str, Any]] = [  # JSON
    {"name": "customer_id", "type": "int", "nullable": False, "primaryKey": True},
    {"name": "name", "type": "string", "pii": True},
    {"name": "email", "type": "string", "pii": True, "subjectKey": True},
    {"name": "phone", "type": "string", "pii": True},
    {"name": "country", "type": "string", "nullable": False},
    {"name": "signed_up", "type": "date"},
]
ORDER_FIELDS: list[dict[str, Any]] = [  # JSON
    {"name": "order_id", "type": "int", "nullable": False, "primaryKey": True},
    {"name": "customer_id", "type": "int", "nullable": False},
    {"name": "amount", "type": "decimal(10,2)", "nullable": False},
    {"name": "currency", "type": "string", "nullable": False},
    {"name": "ordered_at", "type": "datetime", "nullable": False},
]
TURNOVER = {"month": "date", "country": "string", "total": "decimal(12,2)"}

MESH: tuple[Step, ...] = (
    Step(
        name="createDomain",
        input={"name": "sales", "owner": "ann@example.com", "description": "Customers, and what they order."},
        told="sales: a domain, with somebody who answers for it",
    ),
    Step(
        name="createDomain", input={"name": "accounting", "owner": "ben@example.com"}, told="accounting: a second one"
    ),
    Step(name="createDomain", input={"name": "support", "owner": "cleo@example.com"}, told="support: a third one"),
    Step(
        name="registerDataProduct",
        input={
            "name": "order-history",
            "domain": "sales",
            "owner": "ann@example.com",
            "description": "Every order of the shop and who placed it.",
            "tags": ["orders", "daily"],
            "schema": {"order_id": "int", "customer": "int", "country": "string", "amount": "decimal(10,2)"},
        },
        told="order-history: what sales offers to others",
    ),
    Step(
        name="registerDataProduct",
        input={
            "name": "turnover",
            "domain": "accounting",
            "owner": "ben@example.com",
            "description": "What came in, by month and country.",
            "tags": ["money", "monthly"],
            "schema": TURNOVER,
        },
        told="turnover: what accounting offers",
    ),
    Step(
        name="registerDataProduct",
        input={
            "name": "customer-health",
            "domain": "support",
            "owner": "cleo@example.com",
            "description": "Who orders less than before, so that somebody calls.",
            "tags": ["customers"],
            "version": "0.3.0",
            "schema": {"customer": "int", "orders": "int", "trend": "float"},
        },
        told="customer-health: what support offers, not yet at version 1",
    ),
    Step(
        name="registerDataset",
        input={"name": "customers", "domain": "sales", "fields": CUSTOMER_FIELDS},
        told="customers: a dataset of sales with three personal columns, of which email says who it is",
    ),
    Step(
        name="registerDataset",
        input={"name": "orders", "product": "order-history", "fields": ORDER_FIELDS},
        told="orders: the dataset through which order-history is read, without personal columns",
    ),
    Step(
        name="registerDataset",
        input={"name": "turnover-by-country", "product": "turnover", "schema": TURNOVER},
        told="turnover-by-country: the dataset through which turnover is read",
    ),
)
