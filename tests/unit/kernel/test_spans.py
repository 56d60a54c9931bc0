"""Spans: nothing without an SDK or a trace that came in, and across a bus the trace goes on."""

import asyncio

import pytest
from opentelemetry.trace import StatusCode

from maillage.kernel import spans
from maillage.kernel.errors import NoCapacity
from tests.spans_recorded import recording

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CAME = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


def test_without_an_sdk_and_a_trace_there_is_nothing() -> None:
    assert not spans.provided()
    with spans.extracted({}), spans.span("work") as span:
        assert not span.is_recording()
        assert (spans.current(), spans.ids(), spans.inject()) == (None, None, {})


def test_without_an_sdk_a_trace_that_came_in_is_passed_on_unchanged() -> None:
    with spans.extracted(CAME), spans.span("work"):
        assert spans.ids() == (TRACE, PARENT)
        assert spans.inject() == CAME
    assert spans.inject() == {}


@pytest.mark.parametrize("broken", ["", "00-0-0-01", "x" * 100, f"00-{'0' * 32}-{PARENT}-01"])
def test_a_trace_that_can_not_be_read_is_none(broken: str) -> None:
    with spans.extracted({"traceparent": broken}), spans.span("work"):
        assert spans.ids() is None
        assert spans.inject() == {}


def test_over_a_bus_the_trace_goes_on() -> None:
    with recording() as recorded:
        with spans.extracted(CAME), spans.span("asking"):
            headers = spans.inject()
        with spans.extracted(headers), spans.span("answering"):
            pass
        asking, answering = recorded.named("asking"), recorded.named("answering")
    assert asking.parent is not None and f"{asking.parent.span_id:016x}" == PARENT
    assert answering.parent is not None and answering.parent.span_id == asking.context.span_id
    assert f"{answering.context.trace_id:032x}" == TRACE


def test_what_comes_without_a_trace_begins_one() -> None:
    with recording() as recorded:
        with spans.extracted({}), spans.span("work"):
            assert spans.inject().keys() == {"traceparent"}
        assert recorded.named("work").parent is None


def test_a_refusal_is_noted_and_a_fault_fails_the_span() -> None:
    with recording() as recorded:
        with spans.extracted({}):
            with pytest.raises(NoCapacity), spans.span("refused"):
                raise NoCapacity("no room")
            with pytest.raises(ZeroDivisionError), spans.span("broken"):
                raise ZeroDivisionError("a mistake")
        refused, broken = recorded.named("refused"), recorded.named("broken")
    assert refused.attributes == {"maillage.refusal": "no-capacity"}
    assert refused.status.status_code is StatusCode.UNSET
    assert broken.status.status_code is StatusCode.ERROR
    assert [event.name for event in broken.events] == ["exception"]


def test_work_that_several_wait_for_is_linked_with_each_of_them() -> None:
    async def one(name: str, both: asyncio.Barrier) -> spans.Span | None:
        with spans.extracted({}), spans.span(name):
            waiting.append(spans.current())
            await both.wait()
            await done.wait()
            return None

    async def story() -> None:
        both = asyncio.Barrier(3)
        asking = [asyncio.create_task(one(name, both)) for name in ("first", "second")]
        await both.wait()
        with spans.linked("batch", [span for span in waiting if span is not None]), spans.span("commit"):
            pass
        done.set()
        await asyncio.gather(*asking)

    waiting: list[spans.Span | None] = []
    with recording() as recorded:
        done = asyncio.Event()
        asyncio.run(story())
        batch, commit = recorded.named("batch"), recorded.named("commit")
        askers = {recorded.named(name).context.span_id: recorded.named(name) for name in ("first", "second")}
    assert batch.parent is None
    assert commit.parent is not None and commit.parent.span_id == batch.context.span_id
    assert {link.context.span_id for link in batch.links} == askers.keys()
    for asker in askers.values():
        assert [link.context.span_id for link in asker.links] == [batch.context.span_id]
        assert asker.context.trace_id != batch.context.trace_id


def test_where_nobody_is_traced_shared_work_is_not_either() -> None:
    with recording() as recorded:
        with spans.linked("batch", []), spans.span("commit"):
            pass
        assert recorded.all == []
