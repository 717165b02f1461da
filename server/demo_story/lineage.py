"""What is made of what: from the shop's own systems over three domains to a dashboard."""

from typing import Any

from server.demo_story.step import Step

TURNOVER_SQL = """
select date_trunc('month', orders.ordered_at) as month, customers.country, sum(orders.amount) as total
  from orders join customers on customers.customer_id = orders.customer_id
 group by 1, 2
"""


def _edge(source: str, target: str, told: str, **terms: Any) -> Step:
    return Step(name="registerLineage", input={"source": source, "target": target, **terms}, told=told)


LINEAGE: tuple[Step, ...] = (
    _edge("external:crm/people", "dataset:customers", "customers come from the CRM, which only lineage knows"),
    _edge("external:webshop/baskets", "dataset:orders", "orders come from the web shop"),
    _edge("dataset:customers", "product:order-history", "order-history is made of customers"),
    _edge("dataset:orders", "product:order-history", "order-history is made of orders, too"),
    _edge(
        "dataset:orders",
        "dataset:turnover-by-country",
        "turnover-by-country is made of orders; its SQL says which columns of which",
        lineageType="AGGREGATED",
        sql=TURNOVER_SQL,
        sqlDialect="duckdb",
    ),
    _edge(
        "dataset:customers",
        "dataset:turnover-by-country",
        "turnover-by-country is made of customers, by the same SQL",
        lineageType="AGGREGATED",
        sql=TURNOVER_SQL,
        sqlDialect="duckdb",
    ),
    _edge("dataset:turnover-by-country", "product:turnover", "turnover is made of turnover-by-country"),
    _edge(
        "product:order-history",
        "product:customer-health",
        "customer-health, of another domain, rests on order-history; that is nine tenths sure",
        lineageType="DERIVED",
        confidence=0.9,
        transformation="scored every night by a model",
    ),
    _edge(
        "product:customer-health",
        "external:helpdesk/dashboard",
        "and a dashboard shows it",
        targetKind="OTHER",
    ),
)
