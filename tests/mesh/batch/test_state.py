"""A batch's state and its rows in the read tables are one truth."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import Event
from server.mesh.batch.projection import RULES
from server.mesh.batch.queries import BatchRow, GrantRow, PrivacyReportRow, QualityReportRow
from server.mesh.batch.state import Batch, Quality
from server.mesh.batch.tables import STATUS_SQL
from tests.mesh.batch.examples import B1
from tests.mesh.batch.histories import histories
from tests.mesh.projected import ReadTables, Rows, instant

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class View:
    """The rows of one batch just after a position."""

    rows: Rows
    position: int

    @property
    def batch(self) -> Row:
        [row] = self.rows.standing(BatchRow, self.position)
        return row

    @property
    def grants(self) -> list[Row]:
        return sorted(self.rows.standing(GrantRow, self.position), key=lambda row: row["position"])

    def last(self, reports: type[QualityReportRow] | type[PrivacyReportRow]) -> Row | None:
        """The last report about the bronze file that counts."""
        bronze = self.batch["bronze"]
        since = min(row["valid_from"] for row in self.rows.of[BatchRow] if row["bronze"] == bronze)
        found = [row for row in self.rows.standing(reports, self.position) if row["position"] >= since]
        return max(found, key=lambda row: row["position"], default=None)

    @property
    def last_bronze(self) -> Any:
        """The file that counts, or that counted before the rows were let go."""
        made = [row for row in self.rows.of[BatchRow] if row["valid_from"] <= self.position and row["bronze"]]
        return max(made, key=lambda row: row["valid_from"])["bronze"]

    @property
    def quality(self) -> Quality:
        report = self.last(QualityReportRow)
        return Quality.UNCHECKED if report is None else Quality.PASSED if report["passed"] else Quality.FAILED

    @property
    def privacy_rules(self) -> Any:
        report = self.last(PrivacyReportRow)
        return () if report is None else RULES.validate_python(report["rules"])

    @property
    def revoked(self) -> Sequence[str]:
        ended = [row for row in self.grants if row["revoked_at"] is not None]
        return tuple(row["id"] for row in sorted(ended, key=lambda row: row["revoked_at"]))


# Where each field of the state stands in the read tables.
COLUMNS = [
    "dataset",
    "contract",
    "contract_version",
    "schema_version",
    "checksum",
    "raw",
    "size_bytes",
    "row_count",
    "rejected_row_count",
    "step",
    "silver",
    "gold",
]
UNREAD = {"format"}  # of the raw file: only a replay asks, by the log
READ: dict[str, Callable[[View], Any]] = {
    **{name: lambda view, name=name: view.batch[name] for name in COLUMNS},
    "bronze": lambda view: view.last_bronze,
    "batch": lambda view: view.batch["id"],
    "quality": lambda view: view.quality,
    "privacy_rules": lambda view: view.privacy_rules,
    "quarantined": lambda view: view.batch["quarantine"] and view.batch["quarantine"]["reason"],
    "grants": lambda view: tuple(row["id"] for row in view.grants if row["revoked_at"] is None),
    "revoked": lambda view: view.revoked,
}


def test_the_rows_as_of_every_position_are_the_state_after_it(read_tables: ReadTables) -> None:
    @settings(max_examples=120, deadline=None)
    @given(events=histories(), together=st.integers(1, 5))
    def holds(events: list[Event], together: int) -> None:
        rows = read_tables.after(B1, events, together=together)
        for position in range(1, len(events) + 1):
            state, view = BATCH.fold(events[:position], None), View(rows, position)
            assert state is not None
            assert {name: read(view) for name, read in READ.items()} == {
                field.name: getattr(state, field.name)
                for field in dataclasses.fields(Batch)
                if field.name not in UNREAD
            }
            assert view.batch["status"] == state.status
            assert view.batch["revision"] == position

    holds()


def test_times_and_names_in_the_rows_are_those_of_the_events(read_tables: ReadTables) -> None:
    @settings(max_examples=40, deadline=None)
    @given(events=histories())
    def holds(events: list[Event]) -> None:
        at: dict[str, list[int]] = {}
        for number, event in enumerate(events, 1):
            at.setdefault(type(event).__name__, []).append(number)
        view = View(read_tables.after(B1, events), len(events))
        published = at.get("DataPublished")
        assert view.batch["batch_id"] == "b1"
        assert view.batch["appended_at"] == instant(1)
        assert view.batch["position"] == 1
        assert view.batch["published_at"] == (instant(published[0]) if published else None)
        assert [row["granted_at"] for row in view.grants] == [instant(n) for n in at.get("ConsumptionGranted", [])]
        ended = sorted(row["revoked_at"] for row in view.grants if row["revoked_at"])
        assert ended == [instant(n) for n in at.get("ConsumptionRevoked", [])]
        if (quarantine := view.batch["quarantine"]) is not None:
            begun = at["BatchQuarantined"][-1]
            assert (quarantine["by"], quarantine["at"]) == ("ann", instant(begun).isoformat())

    holds()


def test_the_database_computes_the_status_as_the_table_says(read_tables: ReadTables) -> None:
    columns = "quarantine jsonb, gold bigint, silver bigint, step text"
    read_tables.execute(f"create temp table said ({columns}, status text generated always as ({STATUS_SQL}) stored)")
    [said, computed] = [
        read_tables.execute(
            "select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a"
            " on (a.attrelid, a.attnum) = (d.adrelid, d.adnum)"
            " where a.attname = 'status' and a.attrelid = $1::regclass",
            table,
        )
        for table in ("said", "batch")
    ]
    assert said == computed
    assert said is not None
