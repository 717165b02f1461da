import pytest

from server.kernel.fields import Field
from server.kernel.privacy import PrivacyRule, PrivacyStrategy
from server.kernel.quality import QualityRule
from server.mesh.contract.fit import Misfit, Rule, left_behind, misfits

FIELDS = (Field(name="id", type="int"), Field(name="né", type="string"))
GONE = "column 'spent' is not in the schema"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (QualityRule(column="id", check="> 0"), None),
        (QualityRule(column="ne\u0301", check="not null"), None),
        (QualityRule(column=None, check="row_count > 0"), None),
        (PrivacyRule(column="id", strategy=PrivacyStrategy.REDACT), None),
        (QualityRule(column="spent", check="> 0"), ("spent > 0", GONE)),
        (PrivacyRule(column="spent", strategy=PrivacyStrategy.MASK), ("spent MASK", GONE)),
    ],
)
def test_a_rule_fits_columns_that_are_there(rule: Rule, expected: tuple[str, str] | None) -> None:
    found = [] if expected is None else [Misfit(column="spent", rule=expected[0], why=expected[1])]
    assert list(misfits([rule], FIELDS)) == found


def test_a_rule_does_not_fit_a_column_of_another_type() -> None:
    [found] = misfits([QualityRule(column="id", check="length <= 3")], FIELDS)
    assert (found.column, found.rule) == ("id", "id length <= 3")
    assert "column 'id' is int" in found.why


def test_the_refusal_names_contract_version_rules_and_next_step() -> None:
    found = misfits([QualityRule(column="spent", check="> 0")], FIELDS)
    refused = left_behind("c1", 2, found, "change them with updateContract")
    assert refused.message == (
        "contract 'c1' has rules that schema version 2 does not fit ('spent > 0': column 'spent' is not in the schema);"
        " change them with updateContract"
    )
    assert refused.details == {
        "contract": "c1",
        "schemaVersion": 2,
        "rules": [{"column": "spent", "rule": "spent > 0", "why": "column 'spent' is not in the schema"}],
    }
