"""A request as CGI/1.1 has it, and an answer as it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.engines.wasmtime.answers import Rubbish
from maillage.engines.wasmtime.cgi import Head, environment
from maillage.services.compute.model import Instance, Settings
from maillage.services.compute.ports import HeaderList, Inbound
from tests.contract.runtimes import LIMITS, in_parts


def told(headers: HeaderList, path: str = "/", query: str = "", config: dict[str, str] | None = None) -> dict[str, str]:
    settings = Settings(config=config or {})
    instance = Instance("l", "d", "acme.app", "acme", "wm-1", "sha256:0", "command", "", settings, LIMITS)
    return environment(instance, Inbound("POST", path, query, headers, in_parts(b"")), 12)


def test_the_variables_are_those_of_the_standard() -> None:
    headers = [("host", "shop.example:8080"), ("content-type", "text/plain"), ("content-length", "99")]
    made = told([*headers, ("x-shop", "7")], "/a/b", "c=d")
    assert made == {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": made["SERVER_SOFTWARE"],
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "shop.example",
        "SERVER_PORT": "8080",
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/run/acme.app",
        "PATH_INFO": "/a/b",
        "QUERY_STRING": "c=d",
        "CONTENT_LENGTH": "12",
        "CONTENT_TYPE": "text/plain",
        "HTTP_HOST": "shop.example:8080",
        "HTTP_X_SHOP": "7",
    }


def test_headers_that_come_twice_are_joined() -> None:
    made = told([("accept", "a"), ("accept", "b"), ("cookie", "c=1"), ("cookie", "d=2")])
    assert made["HTTP_ACCEPT"] == "a, b"
    assert made["HTTP_COOKIE"] == "c=1; d=2"


def test_a_header_cant_pass_for_another_one_nor_for_a_setting() -> None:
    made = told([("x_shop", "forged"), ("proxy", "http://evil"), ("x shop", "1"), ("a=b", "1"), ("", "1")])
    assert not any(name.startswith("HTTP_") for name in made)


def test_config_reaches_the_code_as_it_is_but_never_over_the_request() -> None:
    made = told([], "/a", config={"KEY": "line 1\nline 2", "PATH_INFO": "/forged", "A=B": "x", "": "y", "N": "a\0b"})
    assert made["KEY"] == "line 1\nline 2"
    assert made["PATH_INFO"] == "/a"
    assert made["N"] == "ab"
    assert "A=B" not in made
    assert "" not in made


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_caller_sends_no_value_holds_control_characters(path: str, query: str, header: str) -> None:
    made = told([("x-any", header)], path, query)
    for value in made.values():
        assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in value)
    assert told([("x-any", "a\r\nHTTP_B=c")])["HTTP_X_ANY"] == "a%0D%0AHTTP_B=c"


@given(st.lists(st.integers(0, 60), max_size=5), st.sampled_from([b"\n", b"\r\n"]))
def test_an_answer_is_the_same_however_it_comes_in_parts(cuts: list[int], end: bytes) -> None:
    whole = end.join([b"Status: 201 Created", b"X-Shop:  7 ", b"content-length: 3", b"", b"bo\n\ndy"])
    places = sorted({min(cut, len(whole)) for cut in cuts})
    head, found, rest = Head(), None, b""
    for begin, stop in zip([0, *places], [*places, len(whole)], strict=True):
        if found is None:
            found = head.take(whole[begin:stop])
        else:
            rest += whole[begin:stop]
    assert found is not None
    assert (found[0], found[1], found[2] + rest) == (201, [("x-shop", "7")], b"bo\n\ndy")


@pytest.mark.parametrize(
    "head", [b"no colon\n\n", b"\x00: a\n\n", b"a b: c\n\n", b"a: \x7f\n\n", b": v\n\n", b"Status:\n\n"]
)
def test_an_answer_that_cant_be_is_rubbish(head: bytes) -> None:
    with pytest.raises(Rubbish):
        Head().take(head)


def test_headers_without_end_are_rubbish_before_they_fill_the_memory() -> None:
    head = Head()
    with pytest.raises(Rubbish, match="65536"):
        for _ in range(70):
            head.take(b"x: " + b"y" * 1_000)
