"""Names of apps, references of images, and how a version is meant."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel.errors import Invalid, NotFound
from maillage.services.compute.model import Version
from maillage.services.compute.names import app_id, checked_reference, named_version

ONE, TWO, THREE = f"sha256:abcdef{'1' * 58}", f"sha256:abcdef{'2' * 58}", f"sha256:{'3' * 64}"
VERSIONS = [Version("acme.a", digest, "component", 1, 1) for digest in (THREE, ONE, TWO)]


@pytest.mark.parametrize("name", ["ab", "my-app", "My_App9", "a-", "a" * 64])
def test_an_app_is_named_by_its_tenant_and_its_name(name: str) -> None:
    assert app_id("acme.inc", name) == f"acme.inc.{name}"


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{1,63}", fullmatch=True))
def test_every_name_that_camara_takes_is_taken(name: str) -> None:
    assert app_id("t", name) == f"t.{name}"


@given(st.text(max_size=80))
def test_a_name_that_is_taken_needs_no_escape_in_an_address(name: str) -> None:
    try:
        app_id("t", name)
    except Invalid as refusal:
        assert refusal.extra == {"field": "name"} and "begins with a letter" in refusal.detail
    else:
        assert re.fullmatch(r"[A-Za-z0-9_-]{2,64}", name, re.ASCII)


@pytest.mark.parametrize(
    "name", ["", "a", "9lives", "-a", "_a", "a.b", "a/b", "a b", "ab\n", "zähler", "а" * 5, "a" * 65, "..", "a\0b"]
)
def test_a_name_that_no_app_can_have_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(Invalid, match="2 to 64 of A-Z, a-z, 0-9, '_' and '-'"):
        app_id("acme", name)


@pytest.mark.parametrize(
    "reference",
    [
        "busybox",
        "localhost/bb:1",
        "localhost:5000/shop/counter__x-y.z:v1.4_rc-2",
        "images.example.com/a/b@sha256:" + "a" * 64,
        "images.example.com/a/b:t@sha256:" + "a" * 64,
        "Images.Example.com/a",
        "a" * 200 + ":" + "t" * 128,
    ],
)
def test_a_reference_that_can_be_one_is_taken_as_it_is(reference: str) -> None:
    assert checked_reference(reference) == reference


@pytest.mark.parametrize(
    "reference",
    [
        "",
        " ",
        "a b",
        "a\n",
        "UPPER",
        "localhost/Upper",
        "a:",
        "a:-tag",
        "a@sha256:" + "a" * 63,
        "a@md5:" + "a" * 32,
        "../etc/passwd",
        "/absolute",
        "a//b",
        "a/../b",
        "https://localhost/a",
        "a:b:c",
        "a;rm",
        "$(id)",
        "--privileged",
        "-v",
        "a\0",
        "ä",
        "a" * 513,
        "localhost:123456/a",
    ],
)
def test_a_reference_that_can_be_none_is_refused(reference: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_reference(reference)
    assert refused.value.extra == {"field": "reference"}


@pytest.mark.parametrize("reference", ["a-" * 256, "a." * 256, "aA" * 256, "a/" * 256, "a" * 512 + "!", "a__" * 170])
def test_no_reference_takes_long_to_read(reference: str) -> None:
    began = time.perf_counter()
    with pytest.raises(Invalid):
        checked_reference(reference)
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("latest", TWO),
        (ONE, ONE),
        (ONE.removeprefix("sha256:"), ONE),
        ("333333", THREE),
        ("sha256:3333333", THREE),
        ("abcdef2", TWO),
    ],
)
def test_a_version_is_meant_by_its_digest_its_first_digits_or_as_the_latest(wanted: str, meant: str) -> None:
    assert named_version("acme.a", VERSIONS, wanted).digest == meant


@pytest.mark.parametrize(
    "wanted", ["", "33333", "LATEST", "abcdeg", "ABCDEF1", "3" * 65, "sha256:", "../../x", "١" * 6]
)
def test_what_names_no_version_is_refused(wanted: str) -> None:
    with pytest.raises(Invalid):
        named_version("acme.a", VERSIONS, wanted)


def test_digits_that_fit_several_versions_are_refused_and_those_that_fit_none_not_found() -> None:
    with pytest.raises(Invalid, match="fits 2 versions"):
        named_version("acme.a", VERSIONS, "abcdef")
    with pytest.raises(NotFound):
        named_version("acme.a", VERSIONS, "444444")
    with pytest.raises(NotFound, match="no version yet"):
        named_version("acme.a", [], "latest")
