import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.storage import layout
from server.kernel.errors import BadUserInput

UPLOAD = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
SHA = "ab" * 32


def test_every_layer_has_its_place() -> None:
    keys = [
        layout.raw("users", "b1", SHA, ".csv"),
        layout.bronze("users", "b1", 1),
        layout.rejects("users", "b1", 1),
        layout.samples("users", "b1", 2),
        layout.silver("users", "b1", 3),
        layout.gold("users", "b1", 12),
    ]
    assert keys == [
        f"users/raw/b1/{SHA}.csv",
        "users/bronze/b1/1.parquet",
        "users/bronze/b1/1.rejects.parquet",
        "users/bronze/b1/2.samples.json",
        "users/silver/b1/3.parquet",
        "users/gold/b1/12.parquet",
    ]
    assert [layout.check_key(key) for key in keys] == keys


def test_the_longest_names_make_a_key() -> None:
    name = "n" * 128
    assert layout.check_key(layout.raw(name, name, SHA, ".parquet")) == f"{name}/raw/{name}/{SHA}.parquet"
    assert layout.check_key(layout.landing(UPLOAD, name)) == f"landing/{UPLOAD}/{name}"


@pytest.mark.parametrize("name", ["", "..", ".x", "a/b", "a b", "ä", "a\n", "n" * 129])
def test_a_name_that_is_none_never_makes_a_key(name: str) -> None:
    with pytest.raises(AssertionError):
        layout.bronze(name, "b1", 1)
    with pytest.raises(AssertionError):
        layout.bronze("users", name, 1)


@pytest.mark.parametrize(
    ("filename", "label"),
    [
        ("users.csv", "users.csv"),
        ("Users 2024 (final).csv", "Users_2024__final_.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\users.csv", "users.csv"),
        ("..", "_."),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("", "upload"),
        ("folder/", "upload"),
        ("%2e%2e%2f.csv", "_2e_2e_2f.csv"),
        ("a\0b\n.csv", "a_b_.csv"),
        ("$(reboot).csv", "__reboot_.csv"),
        ("größe.csv", "gr__e.csv"),
        ("x" * 300 + ".csv", "x" * 124 + ".csv"),
        ("." * 300, "_" + "." * 127),
    ],
)
def test_a_file_name_is_only_a_label(filename: str, label: str) -> None:
    assert layout.file_label(filename) == label


@given(st.text())
def test_every_file_name_lands_under_a_key_that_reads_back(filename: str) -> None:
    key = layout.landing(UPLOAD, filename)
    assert layout.check_key(key) == key
    landed = layout.parse_file_url(key)
    assert landed == layout.LandingFile(upload_id=UPLOAD, filename=layout.file_label(filename))
    assert landed.key == key
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", landed.filename)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "users.csv",
        f"/landing/{UPLOAD}/users.csv",
        f"landing/{UPLOAD}",
        f"landing/{UPLOAD}/",
        f"landing/{UPLOAD}/..",
        f"landing/{UPLOAD}/a/b.csv",
        f"landing/{UPLOAD}/users.csv\n",
        f"landing/{UPLOAD}/users.csv?x=1",
        f"landing/{str(UPLOAD).upper()}/users.csv",
        f"landing/{UPLOAD.hex}/users.csv",
        "landing/raw/b1/1.csv",
        "users/raw/b1/1.csv",
        "file:///etc/passwd",
        "http://127.0.0.1/landing/x",
        f"landing/{UPLOAD}/" + "x" * 129,
    ],
)
def test_refuses_a_file_url_that_is_not_an_upload(text: str) -> None:
    with pytest.raises(BadUserInput) as refused:
        layout.parse_file_url(text)
    assert refused.value.extensions == {"code": "BAD_USER_INPUT", "field": "fileUrl"}
    assert refused.value.message == (
        f"fileUrl {text[:80]!r} is not the address of an upload: call createUploadUrl, PUT the file to its uploadUrl"
        " and hand in its fileUrl"
    )


def test_a_file_of_a_dataset_called_landing_is_not_an_upload() -> None:
    assert layout.landing_file(layout.raw("landing", str(UPLOAD), SHA, ".csv")) is None
    assert layout.landing_file(layout.bronze("landing", str(UPLOAD), 1)) is None


NO_KEYS = ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b", "a/.", ".staging/x", "a\\b", "a\0", "a b"]
NO_KEYS += ["a%2e", "a\n", "ä", "-a", "a:b", "~", "a/" * 16 + "a", "a" * 201]


@pytest.mark.parametrize("key", NO_KEYS)
def test_refuses_what_is_no_key(key: str) -> None:
    with pytest.raises(BadUserInput):
        layout.check_key(key)
