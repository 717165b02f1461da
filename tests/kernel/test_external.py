import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput
from server.kernel.external import LONGEST, External, parse_external

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(str.strip)


@pytest.mark.parametrize(
    ("text", "namespace", "name", "canonical"),
    [
        ("external:n/a", "n", "a", "external:n/a"),
        ("external:postgres:%2F%2Fdw:5432/shop.orders", "postgres://dw:5432", "shop.orders", None),
        ("external:n/a%2fb", "n", "a/b", "external:n/a%2Fb"),
        ("external:n/%61", "n", "a", "external:n/a"),
        ("external:n/é", "n", "é", "external:n/%C3%A9"),
        ("external:n/a>b", "n", "a>b", "external:n/a%3Eb"),
        ("external:n/100%25", "n", "100%", None),
        ("external:n/a\\b", "n", "a\\b", "external:n/a%5Cb"),
        ("external:n/\u202eabc", "n", "\u202eabc", "external:n/%E2%80%AEabc"),
        ("external:n/🎉", "n", "🎉", "external:n/%F0%9F%8E%89"),
        ("external:external:/b c", "external:", "b c", None),
    ],
)
def test_reads_both_names_and_writes_them_in_one_way(text: str, namespace: str, name: str, canonical: str) -> None:
    external = parse_external(text, field="source")
    assert external == External(namespace=namespace, name=name)
    assert external.urn == canonical or (canonical is None and external.urn == text)


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ("external:", "does not have two parts"),
        ("external:a", "does not have two parts"),
        ("external:a/b/c", "does not have two parts"),
        ("external:s3://bucket/key", "does not have two parts"),
        ("external:/b", "has an empty part"),
        ("external:a/", "has an empty part"),
        ("external:a/%20", "has an empty part"),
        ("external:a/%", "'%' without two hex digits"),
        ("external:a/100%", "'%' without two hex digits"),
        ("external:a/%2", "'%' without two hex digits"),
        ("external:a/%zz", "'%' without two hex digits"),
        ("external:a/%+1", "'%' without two hex digits"),
        ("external:a/%FF", "is not UTF-8"),
        ("external:a/\ud800", "is not UTF-8"),
        ("external:a/%00", "control character"),
        ("external:a/b\0", "control character"),
        ("external:a/b%0A", "control character"),
        ("external:a/b\x7f", "control character"),
        ("external:a/b%C2%85", "control character"),
        ("external:a/" + "x" * 10_240, "has 10251 characters; a URN"),
        ("external:a/" + "é" * 171, "has 1037 characters once it is escaped"),
    ],
)
def test_refuses_what_is_not_the_urn_of_an_external_asset(text: str, saying: str) -> None:
    with pytest.raises(BadUserInput) as caught:
        parse_external(text, field="source")
    assert saying in caught.value.message
    assert len(caught.value.message) < 400
    assert caught.value.field == "source"


def test_takes_the_longest_urn_that_is_allowed() -> None:
    longest = "external:n/" + "x" * (LONGEST - 11)
    assert parse_external(longest, field="source").urn == longest


@given(NAMES, NAMES)
def test_a_urn_names_what_it_was_made_of(namespace: str, name: str) -> None:
    external = External(namespace=namespace, name=name)
    assert parse_external(external.urn, field="source") == external
    assert external.urn.isascii()
    assert not set(">\\\t\n") & set(external.urn)


@given(NAMES, NAMES)
def test_folding_forgets_case_and_form_and_nothing_else(namespace: str, name: str) -> None:
    folded = External(namespace=namespace, name=name).folded
    for form in ("NFC", "NFD"):
        other = External(namespace=unicodedata.normalize(form, namespace), name=unicodedata.normalize(form, name))
        assert other.folded == folded
    assert folded.count("/") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("n/a", "N/A", True),
        ("n/Stra%C3%9Fe", "n/STRASSE", True),
        ("n/%CF%82", "n/%CE%A3", True),
        ("n/%C3%A5", "n/A%CC%8A", True),
        ("n/%EF%AC%81", "n/fi", True),
        ("a/b", "b/a", False),
        ("n/a%2Fb", "n%2Fa/b", False),
        ("n/%252F", "n/%2F", False),
        ("n/a", "n/%C3%A1", False),
    ],
)
def test_tells_alike_names_from_others(one: str, other: str, same: bool) -> None:
    first, second = (parse_external(f"external:{each}", field="source") for each in (one, other))
    assert (first.folded == second.folded) is same
