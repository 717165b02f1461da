import pytest

from graphql_schema.rules import PrivacyRuleInput, given_privacy
from server.kernel.errors import BadUserInput
from server.kernel.privacy import PrivacyRule, PrivacyStrategy

COMPOSED, DECOMPOSED = "n\u00e9", "ne\u0301"


def test_a_column_is_spelled_as_schemas_spell_it() -> None:
    given = [PrivacyRuleInput(column=DECOMPOSED, strategy=PrivacyStrategy.MASK, params={"keepLast": 2})]
    assert given_privacy(given) == (
        PrivacyRule(column=COMPOSED, strategy=PrivacyStrategy.MASK, params={"keepLast": 2}),
    )


def test_params_that_are_no_object_are_refused() -> None:
    given = [PrivacyRuleInput(column="email", strategy=PrivacyStrategy.MASK, params=[2])]
    with pytest.raises(BadUserInput, match="params of column 'email' are not an object"):
        given_privacy(given)
