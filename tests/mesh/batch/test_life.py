"""Every order of commands on a batch, judged by what happened to its files rather than by the batch's own state."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from server.kernel.errors import Refused
from server.kernel.ids import Urn
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.mesh.batch.commands import (
    AppendData,
    Command,
    PublishData,
    PublishGate,
    QuarantineBatch,
    RecordAnonymization,
    RecordQuality,
    ReleaseBatch,
    ReplayBatch,
    RevokeConsumption,
)
from server.mesh.batch.domain import BATCH
from server.mesh.batch.facts import (
    Anonymized,
    BatchReplayed,
    Checked,
    DataPublished,
    Event,
)
from server.mesh.batch.state import BatchStatus, State
from tests.mesh.batch.examples import B1, EXPIRE, OPEN, appended, checked, grant, replayed, result
from tests.mesh.batch.truth import File, Truth, hides

COLUMNS = ("email", "phone", "name")
privacy = st.lists(
    st.builds(PrivacyRule, column=st.sampled_from(COLUMNS), strategy=st.sampled_from(PrivacyStrategy)),
    max_size=3,
    unique_by=lambda r: r.column,
).map(tuple)
gates = st.builds(
    PublishGate,
    has_quality_rules=st.booleans(),
    personal=st.sampled_from([(), ("email",), ("email", "phone")]),
    kept=st.sampled_from([(), ("email",), COLUMNS]),
)
checks = st.sampled_from([None, checked(result(True)), checked(result(True)), checked(result(False))])

everything_hidden = tuple(PrivacyRule(column=column, strategy=PrivacyStrategy.MASK) for column in COLUMNS)


def decided(command: Command, state: State) -> list[Event] | None:
    """What the command records; None where it is refused."""
    try:
        return list(BATCH.decide(command, state))
    except Refused:
        return None


class BatchLife(RuleBasedStateMachine):
    """Work begins on the files of its moment and is decided on whenever: other work may come between."""

    works = Bundle("works")

    def __init__(self) -> None:
        super().__init__()
        self.state: State = None
        self.truth = Truth()
        self.gate = PublishGate(has_quality_rules=True, personal=("email",), kept=())
        self.attempts = 0

    def attempt(self) -> int:
        self.attempts += 1
        return self.attempts

    def ask(self, command: Command) -> None:
        """Decide; the answer must be what the truth allows, and what is published must be fit."""
        allowed, events = self.truth.allows(command), decided(command, self.state)
        assert (events is not None) is allowed, f"{command} is {'' if allowed else 'not '}allowed, but gave {events}"
        for event in events or ():
            self.state = BATCH.evolve(self.state, event)
            self.truth.record(event)
            if isinstance(event, DataPublished) or (isinstance(event, BatchReplayed) and event.published):
                assert not self.truth.quarantined
                assert self.truth.fit(event.attempt, self.gate), "an unfit file reached gold"

    @initialize(published=st.booleans())
    def append(self, published: bool) -> None:
        attempt = self.attempt()
        self.truth.files[attempt] = File(bronze=attempt)
        self.ask(AppendData(appended=appended(attempt)))
        if published:
            self.check(True)
            self.anonymise(everything_hidden)
            self.publish()

    @rule()
    def append_again(self) -> None:
        self.ask(AppendData(appended=appended(self.attempt())))

    @rule(gate=gates)
    def change_the_contract(self, gate: PublishGate) -> None:
        self.gate = gate

    @rule(target=works, passed=st.booleans())
    def begin_check(self, passed: bool) -> Command:
        bronze = self.truth.bronze
        return RecordQuality(batch=B1, checked=checked(result(passed), attempt=self.attempt()), bronze=bronze)

    @rule(target=works, rules=privacy)
    def begin_anonymisation(self, rules: tuple[PrivacyRule, ...]) -> Command:
        attempt, bronze = self.attempt(), self.truth.bronze
        self.truth.files[attempt] = File(bronze=bronze, hidden=hides(rules))
        done = Anonymized(rules=rules, rows=4, changed_rows=4, columns=())
        return RecordAnonymization(batch=B1, anonymized=done, attempt=attempt, bronze=bronze)

    @rule(target=works)
    def begin_publishing(self) -> Command:
        attempt, truth = self.attempt(), self.truth
        truth.files[attempt] = truth.files[truth.bronze if truth.silver is None else truth.silver]
        return PublishData(batch=B1, gate=OPEN, attempt=attempt, bronze=truth.bronze, silver=truth.silver)

    @rule(target=works, check=checks, rules=st.none() | privacy, published=st.booleans())
    def begin_replay(
        self, check: Checked | None, rules: tuple[PrivacyRule, ...] | None, published: bool
    ) -> ReplayBatch:
        attempt, truth = self.attempt(), self.truth
        truth.files[attempt] = File(bronze=attempt, hidden=hides(rules or ()))
        if check is not None:
            truth.verdicts[attempt] = check.results[0].passed
        done = None if rules is None else Anonymized(rules=rules, rows=4, changed_rows=4, columns=())
        new = replayed(attempt=attempt, check=check, anonymized=done, published=published)
        return ReplayBatch(replayed=new, gate=OPEN, bronze=truth.bronze, silver=truth.silver)

    @rule(passed=st.sampled_from([True, True, False]))
    def check(self, passed: bool) -> None:
        self.finish(self.begin_check(passed))

    @rule(rules=st.just(everything_hidden) | privacy)
    def anonymise(self, rules: tuple[PrivacyRule, ...]) -> None:
        self.finish(self.begin_anonymisation(rules))

    @rule()
    def publish(self) -> None:
        self.finish(self.begin_publishing())

    @rule(rules=st.just(everything_hidden) | privacy)
    def publish_what_is_anonymised_meanwhile(self, rules: tuple[PrivacyRule, ...]) -> None:
        work = self.begin_publishing()
        self.anonymise(rules)
        self.finish(work)

    @rule(check=checks, rules=st.just(everything_hidden) | privacy)
    def replay(self, check: Checked | None, rules: tuple[PrivacyRule, ...]) -> None:
        self.finish(self.begin_replay(check, rules, self.truth.gold is not None))

    @rule(work=consumes(works))
    def finish(self, work: Command) -> None:
        self.ask(replace(work, gate=self.gate) if isinstance(work, PublishData | ReplayBatch) else work)

    @rule()
    def quarantine(self) -> None:
        self.ask(QuarantineBatch(batch=B1, reason=""))

    @rule()
    def release(self) -> None:
        self.ask(ReleaseBatch(batch=B1, reason=""))

    @precondition(lambda self: len(self.truth.files) > 12)  # late: nothing more than revocations can follow
    @rule()
    def expire(self) -> None:
        self.ask(EXPIRE)

    @rule(number=st.integers(1, 3))
    def give(self, number: int) -> None:
        self.ask(grant(Urn(f"grant:{number}")))

    @rule(number=st.integers(1, 3))
    def revoke(self, number: int) -> None:
        self.ask(RevokeConsumption(batch=B1, grant=Urn(f"grant:{number}"), reason=None))

    @invariant()
    def the_status_follows_the_table(self) -> None:
        assert (self.state.status if self.state else None) == self.truth.status

    @invariant()
    def grants_live_on_published_batches_until_they_are_revoked(self) -> None:
        if self.state is not None:
            assert set(self.state.grants) == self.truth.granted
            assert set(self.state.revoked) == self.truth.revoked
            assert not self.truth.granted & self.truth.revoked
            gone = self.state.status is BatchStatus.EXPIRED
            assert self.state.gold is not None or gone or not self.state.grants

    @invariant()
    def the_files_that_count_are_those_that_were_recorded(self) -> None:
        if self.state is not None:
            now = (self.state.bronze, self.state.silver, self.state.gold)
            assert now == (self.truth.bronze, self.truth.silver, self.truth.gold)


TestBatchLife = BatchLife.TestCase
TestBatchLife.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
