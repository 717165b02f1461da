"""Ids of subjects: which may be one, and which texts repeat one."""

import unicodedata
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kernel.errors import BadUserInput
from server.kernel.subject import LONGEST, check_subject, refuse_repeating, repeats

IDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=8, max_size=40).filter(
    lambda text: len(unicodedata.normalize("NFC", text).strip()) >= 8
)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("user-1", "user-1"),
        ("  user-1\u00a0", "user-1"),
        ("u\u0308ber", "\u00fcber"),
        ("User-1", "User-1"),
        ("a b", "a b"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_takes_an_id_in_the_form_in_which_it_is_compared(text: str, subject: str) -> None:
    assert check_subject(text) == subject


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ("", "subjectId is empty; give the id by which the data knows the person"),
        (" \u00a0 ", "subjectId is empty; give the id by which the data knows the person"),
        ("zq\tzq", "subjectId holds a control character; give the id exactly as it stands in the data"),
        ("zqzq\x7f", "subjectId holds a control character; give the id exactly as it stands in the data"),
        (
            " zq ",
            "subjectId has 2 characters, and at least 3 are needed: a shorter one would erase rows of others; give an"
            " id that means one person only",
        ),
        ("z" * (LONGEST + 1), "subjectId has 257 characters; 256 are allowed"),
    ],
)
def test_refuses_what_is_no_id_without_repeating_it(text: str, saying: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        check_subject(text)
    assert (refused.value.message, refused.value.field, refused.value.details) == (saying, "subjectId", {})
    assert not text.strip() or text not in refused.value.message


@given(IDS, st.text(max_size=20), st.text(max_size=20))
def test_every_form_of_an_id_repeats_it(id: str, before: str, after: str) -> None:
    subject = check_subject(id)
    twice = quote(quote(subject, safe=""), safe="")
    forms = (subject, unicodedata.normalize("NFD", subject), quote(subject, safe=""), quote_plus(subject), twice)
    for form in forms:
        assert repeats(f"{form}", subject), form
    for form in (subject, quote(subject, safe="")):
        assert repeats(f"{before.replace('%', '')} {form} {after.replace('%', '')}", subject)


@pytest.mark.parametrize(
    ("text", "subject", "held"),
    [
        ("erase USER-77 now", "user-77", True),
        ("erase user-77 now", "USER-77", True),
        ("see /people/user%2D77", "user-77", True),
        ("see /people/Max%20Muster", "max muster", True),
        ("see ?q=Max+Muster", "max muster", True),
        ("\uff55ser-77", "user-77", True),  # a full-width letter
        ("Stra\u00dfe 5", "STRASSE 5", True),
        ("customer1234x", "1234", True),
        ("asked by letter", "user-77", False),
        ("user-7 7", "user-77", False),
        ("0a1234ff-1111-4222-8333-0123456789ab", "1234", False),  # a random UUID
        ("0a1234ff-1111-4222-8333-0123456789ab and more", "1234", True),
        ("0a1234ff-1111-4222-8333-0123456789ab", "0123456789AB", True),
    ],
)
def test_knows_an_id_in_a_text(text: str, subject: str, held: bool) -> None:
    assert repeats(text, subject) is held


def test_names_the_input_that_repeats_an_id_and_not_the_id() -> None:
    refuse_repeating("user-77", {"reason": "by letter", "idempotencyKey": "k1"})
    with pytest.raises(BadUserInput) as refused:
        refuse_repeating("user-77", {"reason": "by letter", "idempotencyKey": "erase-user-77"})
    assert (refused.value.message, refused.value.field) == (
        "idempotencyKey holds the id of the subject, and what it says is kept for ever; say it without the id",
        "idempotencyKey",
    )
