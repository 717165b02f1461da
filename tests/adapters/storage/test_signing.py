from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.adapters.storage.signing import Method, Permit, Signer
from server.kernel.errors import BadUserInput, Forbidden, Refused

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=15)
KEY = "landing/0f8fad5b-d9cb-469f-a165-70867728950e/users.csv"
SECRET = bytes(range(32))
SIGNER = Signer([SECRET], lambda: NOW)
FULL = SIGNER.sign("GET", KEY, SOON, max_bytes=1_000, filename="users.csv", grant="g-1")
PLAIN = SIGNER.sign("PUT", KEY, SOON)
MADE_FOR_ANOTHER = "this address was not made for this method and path by this server;" + (
    " ask for a new address and use it as it is"
)


def verify(address: str, method: str = "GET", signer: Signer = SIGNER) -> Permit:
    path, _, query = address.encode("utf-8").partition(b"?")
    return signer.verify(method, path, query)


def test_an_address_has_one_spelling() -> None:
    """The signature was computed by another tool (openssl)."""
    address = SIGNER.sign("GET", KEY, SOON, max_bytes=1_000, filename="users.csv", grant="g-1")
    assert address == (
        f"/storage/{KEY}?X-Amz-Credential=29abaf6c6d48a082&X-Amz-Expires=1714565700&max-bytes=1000&filename=users.csv"
        "&grant=g-1&X-Amz-Signature=8f416b44b30666a572cb778ae7e12fa9502c0b0c3f9c0594e340c51d4d8d1665"
    )


def test_a_genuine_address_gives_what_was_signed() -> None:
    assert verify(FULL) == Permit(
        method="GET", key=KEY, expires_at=SOON, max_bytes=1_000, filename="users.csv", grant="g-1"
    )
    assert verify(PLAIN, "PUT") == Permit(method="PUT", key=KEY, expires_at=SOON)


def test_an_address_to_get_may_be_asked_for_its_head() -> None:
    assert verify(FULL, "HEAD") == verify(FULL, "GET")


@pytest.mark.parametrize(
    ("method", "used"), [("GET", "PUT"), ("PUT", "GET"), ("PUT", "HEAD"), ("GET", "DELETE"), ("GET", "get")]
)
def test_refuses_another_method(method: Method, used: str) -> None:
    with pytest.raises(Forbidden) as refused:
        verify(SIGNER.sign(method, KEY, SOON), used)
    assert refused.value.message == MADE_FOR_ANOTHER


def test_refuses_another_path() -> None:
    with pytest.raises(Forbidden):
        verify(FULL.replace("users.csv?", "other.csv?"))


@pytest.mark.parametrize(("after", "open_"), [(899, True), (900, False), (901, False)])
def test_refuses_an_expired_address(after: int, open_: bool) -> None:
    later = Signer([SECRET], lambda: NOW + timedelta(seconds=after))
    if open_:
        assert verify(FULL, signer=later).key == KEY
        return
    with pytest.raises(Forbidden) as refused:
        verify(FULL, signer=later)
    assert refused.value.message == "this address expired at 2024-05-01T12:15:00+00:00; ask for a new one"


def test_a_part_of_a_second_never_lengthens_a_life() -> None:
    address = SIGNER.sign("GET", KEY, SOON + timedelta(milliseconds=999))
    assert verify(address).expires_at == SOON


def test_an_older_key_is_still_accepted_and_the_newest_signs() -> None:
    new = bytes(32)
    both = Signer([new, SECRET], lambda: NOW)
    assert verify(FULL, signer=both).grant == "g-1"
    address = both.sign("GET", KEY, SOON)
    assert verify(address, signer=Signer([new], lambda: NOW)).key == KEY
    with pytest.raises(Forbidden):
        verify(address)


def test_another_key_under_the_same_id_forges_nothing() -> None:
    forged = Signer([bytes(32)], lambda: NOW).sign("GET", KEY, SOON)
    own_id = FULL.partition("X-Amz-Credential=")[2][:16]
    other_id = forged.partition("X-Amz-Credential=")[2][:16]
    with pytest.raises(Forbidden):
        verify(forged.replace(other_id, own_id))


def test_a_value_cannot_move_to_another_parameter() -> None:
    address = SIGNER.sign("GET", KEY, SOON, filename="x1")
    with pytest.raises(Forbidden):
        verify(address.replace("filename=x1", "grant=x1"))


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url + "&",
        lambda url: url + "&x=1",
        lambda url: url + "&grant=g-1",
        lambda url: url.replace("?", "?&"),
        lambda url: url.replace("grant=g-1", "grant="),
        lambda url: url.replace("X-Amz-Expires=", "x-amz-expires="),
        lambda url: url.replace("X-Amz-Expires=", "X-Amz-Expires=0"),
        lambda url: url.replace("X-Amz-Expires=", "X-Amz-Expires=+"),
        lambda url: url.replace("X-Amz-Expires=1714565700", "X-Amz-Expires=1e9"),
        lambda url: url.replace("X-Amz-Expires=1714565700", "X-Amz-Expires=\u0661\u0662"),
        lambda url: url.replace("users.csv?", "users%2ecsv?"),
        lambda url: url.replace("landing/", "%6canding/"),
        lambda url: url.replace("landing/", "./landing/"),
        lambda url: url.replace("landing/", "x/../landing/"),
        lambda url: url.replace("landing/", "/landing/"),
        lambda url: url.replace("landing/", "landing\\"),
        lambda url: url.replace("users.csv?", "users.csv\0?"),
        lambda url: url.replace("users.csv?", "users.csv\n?"),
        lambda url: url.replace("users.csv?", "users.csv;x?"),
        lambda url: url.replace("/storage/", "/other/"),
        lambda url: url.replace("/storage/", "/storage/\u00e4"),
        lambda url: url.partition("?")[0],
        lambda url: url.rpartition("&")[0],
        lambda url: url[:-1],
        lambda url: url[:-64] + url[-64:].upper(),
    ],
)
def test_refuses_what_is_not_an_address(change: object) -> None:
    assert callable(change)
    changed = change(FULL)
    assert changed != FULL
    with pytest.raises(BadUserInput):
        verify(changed)


def test_says_what_an_unsigned_address_lacks() -> None:
    with pytest.raises(BadUserInput) as refused:
        SIGNER.verify("GET", b"/storage/" + KEY.encode(), b"")
    assert refused.value.message == (
        "this address lacks X-Amz-Credential, X-Amz-Expires, X-Amz-Signature; ask for a new address and use it as it is"
    )


def parameters(address: str) -> list[str]:
    return address.partition("?")[2].split("&")


@given(data=st.data(), address=st.sampled_from([FULL, PLAIN]))
def test_any_change_of_any_part_is_refused(data: st.DataObject, address: str) -> None:
    method = "GET" if address is FULL else "PUT"
    at = data.draw(st.integers(0, len(address)), label="at")
    removed = data.draw(st.integers(0, 3), label="removed")
    added = data.draw(st.text(max_size=3), label="added")
    changed = address[:at] + added + address[at + removed :]
    if changed == address:
        assert verify(changed, method).key == KEY
        return
    with pytest.raises(Refused):
        verify(changed, method)


@given(st.integers(0, len(FULL) - 1), st.integers(0, 7))
@example(0, 0)
def test_any_flipped_bit_is_refused(at: int, bit: int) -> None:
    changed = bytearray(FULL.encode())
    changed[at] ^= 1 << bit
    path, _, query = bytes(changed).partition(b"?")
    with pytest.raises(Refused):
        SIGNER.verify("GET", path, query)


@given(st.sets(st.integers(0, 5), min_size=1))
def test_any_dropped_parameter_is_refused(dropped: set[int]) -> None:
    kept = [part for number, part in enumerate(parameters(FULL)) if number not in dropped]
    with pytest.raises(Refused):
        verify(FULL.partition("?")[0] + "?" + "&".join(kept))


@given(st.permutations(parameters(FULL)))
def test_the_order_of_parameters_says_nothing(order: list[str]) -> None:
    assert verify(FULL.partition("?")[0] + "?" + "&".join(order)) == verify(FULL)


@given(
    st.text(max_size=200),
    st.integers(0, 2**60),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True),
)
def test_whatever_is_signed_is_verified(filename: str, max_bytes: int, grant: str) -> None:
    permit = verify(SIGNER.sign("PUT", KEY, SOON, max_bytes=max_bytes, filename=filename, grant=grant), "PUT")
    assert (permit.max_bytes, permit.grant) == (max_bytes, grant)


@pytest.mark.parametrize("key", ["../etc/passwd", "a b", "", "/a", "a?b", "a%2e"])
def test_never_signs_what_is_no_key(key: str) -> None:
    with pytest.raises(BadUserInput):
        SIGNER.sign("GET", key, SOON)


def test_never_signs_for_more_than_an_hour() -> None:
    assert verify(SIGNER.sign("GET", KEY, NOW + timedelta(hours=1))).key == KEY
    with pytest.raises(AssertionError):
        SIGNER.sign("GET", KEY, NOW + timedelta(hours=1, seconds=1))
