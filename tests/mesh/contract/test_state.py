"""A contract's state and its row in the read table are one truth."""

from server.mesh.contract.domain import CONTRACT, Contract, ContractStatus, Event
from server.mesh.contract.queries import ContractRow, terms_of_row
from tests.mesh.contract.test_domain import DEFINED, ID, ORDERS, RETIRED, UPDATED
from tests.mesh.projected import ReadTables, instant

HISTORY: list[Event] = [DEFINED, UPDATED, RETIRED]


def test_the_row_as_of_every_position_is_the_state_after_it(read_tables: ReadTables) -> None:
    for together in range(1, len(HISTORY) + 1):
        rows = read_tables.after(ID, HISTORY, together=together)
        for position in range(1, len(HISTORY) + 1):
            [row] = rows.standing(ContractRow, position)
            stored = Contract(
                contract=row["id"],
                dataset=row["dataset"],
                version=row["version"],
                terms=terms_of_row(ContractRow(**row)),
                status=ContractStatus(row["status"]),
            )
            assert stored == CONTRACT.fold(HISTORY[:position], None)
            assert (row["revision"], row["contract_id"], row["dataset"]) == (position, "c1", ORDERS)
            assert row["defined_at"] == instant(1)
