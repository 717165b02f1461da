"""How far a piece of work is, seen from outside while it runs."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from server.adapters.engine.bare_statistics import without_statistics
from server.adapters.engine.privacy.anonymize import anonymize
from server.adapters.engine.privacy.keys import MESH, privacy_keys
from server.adapters.engine.quality.check import check_quality
from server.adapters.engine.quality.context import RuleContext
from server.adapters.engine.session import Engine
from server.adapters.engine.steps import Steps
from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule
from tests.adapters.engine.batches import write_batch

KEYS = privacy_keys(bytes(32), 1, MESH, "sales/b1/1")
FIELDS = (Field(name="n", type="int"), Field(name="word", type="string"))
RULES = [QualityRule(column="word", check="matches '^w'"), QualityRule(column="n", check="unique")]
HASH = [PrivacyRule(column="word", strategy=PrivacyStrategy.HASH)]


def test_a_share_is_that_of_the_steps_done_and_of_the_one_under_way() -> None:
    heard: list[float] = []
    steps = Steps(heard.append)
    steps.look(lambda: -1)
    steps.to(0.5)
    steps.look(lambda: -1)
    steps.look(lambda: 50)
    steps.to(1.0)
    steps.look(lambda: -1)
    steps.look(lambda: 20)
    steps.look(lambda: 10)
    steps.look(lambda: 100)
    assert heard == [0.25, 0.5, 0.6, 1.0]


def test_a_percentage_that_may_be_of_the_step_before_is_not_counted() -> None:
    heard: list[float] = []
    steps = Steps(heard.append)
    steps.to(0.5)

    def moved_on() -> float:
        steps.to(1.0)
        return 90

    steps.look(moved_on)
    assert heard == []


async def test_a_statement_is_seen_while_it_runs(tmp_path: Path) -> None:
    """Each look lets the work go on for a while, so something is seen however fast the machine is."""
    heard: list[float] = []
    half, seen = threading.Event(), threading.Event()

    def work(cursor: duckdb.DuckDBPyConnection) -> int:
        def waits(number: int) -> int:
            if number == 300_000:
                half.set()
                assert seen.wait(30)
            return number

        cursor.create_function("waits", waits, ["BIGINT"], "BIGINT")
        cursor.execute("create temp table n as from range(400_000)").fetchall()
        steps.to(1.0)
        return len(cursor.execute("select count(*), sum(waits(range)) from n").fetchall())

    def share(done: float) -> None:
        heard.append(done)
        if half.is_set():
            seen.set()

    steps = Steps(share)
    with Engine([tmp_path], "256MB", 1, tmp_path / "spill") as engine:
        assert await engine.run(work, heavy=True, steps=steps) == 1
    assert 0 < heard[0] < 1
    assert heard == sorted(set(heard))


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    rows = [{"n": number, "word": f"w{number}"} for number in range(20)]
    return write_batch(tmp_path / "batch.parquet", FIELDS, rows, row_group=5)


class Noted(Steps):
    """Writes down to which shares the steps lead."""

    def __init__(self) -> None:
        super().__init__()
        self.led: list[float] = []

    def to(self, share: float) -> None:
        self.led.append(share)
        super().to(share)


@pytest.mark.parametrize("work", ["check", "anonymize", "publish"])
def test_the_steps_of_each_process_lead_upwards_to_the_whole(work: str, batch: Path, tmp_path: Path) -> None:
    steps, target = Noted(), tmp_path / "target.parquet"
    with duckdb.connect() as cursor:
        if work == "check":
            context = RuleContext(now=datetime.now(UTC), batch="b1")
            check_quality(cursor, batch, FIELDS, RULES, context=context, steps=steps)
        elif work == "anonymize":
            anonymize(cursor, batch, target, FIELDS, HASH, KEYS, steps=steps)
        else:
            without_statistics(batch, target, ["word"], steps=steps)
    assert steps.led == sorted(steps.led)
    assert (len(steps.led) > 2, steps.led[-1]) == (True, pytest.approx(1.0))
