"""Logs: one line an event, for people or for machines, and nothing that steers a terminal."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from maillage.faces.operations import logs
from maillage.kernel import spans
from maillage.kernel.tracing import request_id

log = logging.getLogger("maillage.test")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    chatty = {name: logging.getLogger(name).level for name in logs.CHATTY}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in chatty.items():
        logging.getLogger(name).setLevel(before)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def fault() -> None:
    try:
        raise ZeroDivisionError("a mistake\nof ours")
    except ZeroDivisionError:
        log.exception("it broke")


def test_json_has_an_object_a_line_with_the_exception_in_one_field(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    log.info("granted %d", 3, extra={"facts": {"site": "wm-1", "seconds": 0.5}})
    fault()
    first, second = (json.loads(line) for line in lines(capsys))
    assert first.pop("ts").endswith("Z")
    assert first == {"level": "info", "logger": "maillage.test", "message": "granted 3", "site": "wm-1", "seconds": 0.5}
    assert second["exception"].startswith("Traceback") and second["exception"].endswith("of ours")


def test_json_holds_whatever_is_thrown_at_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    log.info("%s", "a\x1b[31m\n\udcff", extra={"facts": {"strange": object(), "text": "\n"}})
    (line,) = lines(capsys)
    assert json.loads(line)["text"] == "\n"


def test_what_an_event_belongs_to_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    reset = request_id.set("r-1")
    with spans.extracted({"traceparent": f"00-{trace}-{parent}-01"}):
        log.info("within")
    request_id.reset(reset)
    log.info("outside")
    within, outside = (json.loads(line) for line in lines(capsys))
    assert (within["request_id"], within["trace_id"], within["span_id"]) == ("r-1", trace, parent)
    assert not {"request_id", "trace_id", "span_id"} & outside.keys()


def test_text_is_one_line_whatever_others_sent(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "info")
    log.info("asked for %s", "/x\n2026-01-01 error forged\x1b[2J", extra={"facts": {"status": 404}})
    (line,) = lines(capsys)
    assert line.endswith(" info    maillage.test: asked for /x\\x0a2026-01-01 error forged\\x1b[2J status=404")


def test_in_text_a_traceback_follows_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "info")
    fault()
    told = lines(capsys)
    assert told[0].endswith("error   maillage.test: it broke")
    assert told[1].startswith("Traceback")


def test_below_the_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "warning")
    log.info("no")
    log.warning("yes")
    logging.getLogger("httpx").info("GET http://host/?token=secret")
    assert [line.rpartition(" ")[2] for line in lines(capsys)] == ["yes"]


def test_libraries_that_write_down_addresses_are_quiet_at_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "debug")
    logging.getLogger("httpx").info("GET http://host/?token=secret")
    assert lines(capsys) == []


def test_to_configure_twice_says_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info")
    logs.configure("text", "info")
    log.info("once")
    assert len(lines(capsys)) == 1


def test_what_nobody_awaited_and_what_a_callback_broke_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("nobody awaits me")

    def callback() -> None:
        raise RuntimeError("nobody catches me")

    async def story() -> None:
        task = asyncio.create_task(broken())
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0.01)
        del task

    logs.configure("json", "warning")
    asyncio.run(story())
    told = [json.loads(line) for line in lines(capsys)]
    assert {line["logger"] for line in told} == {"asyncio"}
    assert {line["exception"].rpartition("\n")[2] for line in told} == {
        "ZeroDivisionError: nobody awaits me",
        "RuntimeError: nobody catches me",
    }


def test_standard_error_as_it_is_when_logs_are_configured_is_where_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", "info")
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
