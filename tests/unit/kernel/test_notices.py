"""What services tell goes into the site's own sequence."""

from pathlib import Path
from typing import Any

import pytest

from maillage.bootstrap import open_local
from maillage.kernel.cloudevents import cloud_event
from maillage.kernel.errors import Invalid, NotFound, Refusal
from maillage.kernel.events import Noted, decode_events
from maillage.kernel.notices import note
from maillage.kernel.sites import Site
from maillage.verify.checker import check

STORE = Site("s-1", "Store 1", 36.37, -94.21, "America/Chicago")


@pytest.fixture
def chain(tmp_path: Path) -> Any:
    chain = open_local(tmp_path)
    from maillage.kernel.capacity import set_site

    chain.keeper.run(lambda scribe: set_site(scribe, STORE))
    yield chain
    chain.close()


def tell(chain: Any, topic: str = "sensing.alarm.raised", about: str = "alarms/1", **data: Any) -> Any:
    answer = chain.keeper.run(lambda scribe: note(scribe, "s-1", topic, about, data))[0]
    if isinstance(answer, Refusal):
        raise answer
    return answer


def test_a_notice_is_an_event_of_its_site_like_any_other(chain: Any) -> None:
    tell(chain, device="freezer-3", value=-9.5)
    (last,) = [event for batch in chain.journal.read(1) for event in decode_events(batch.body)]
    assert isinstance(last, Noted)
    outside = cloud_event(last)
    assert (outside.type, outside.subject, outside.sequence) == ("maillage.sensing.alarm.raised", "alarms/1", "2")
    assert outside.data == {"device": "freezer-3", "value": -9.5}
    assert chain.office.whose(last) is None


def test_a_notice_that_names_a_tenant_is_the_tenant_s_to_follow(chain: Any) -> None:
    tell(chain, "roof.lease.sign", "roof-leases/rl_1", tenant="acme", state="signed")
    (last,) = [event for batch in chain.journal.read(1) for event in decode_events(batch.body)]
    assert chain.office.whose(last) == "acme"


def test_the_checker_takes_notices_and_counts_them_in_the_sequence(chain: Any, tmp_path: Path) -> None:
    tell(chain)
    tell(chain, "robots.cleaning.done", "cleanings/7")
    report = check(tmp_path)
    assert (report.faults, report.events) == ([], 3)


@pytest.mark.parametrize("topic", ["", "alarm", "Sensing.alarm", "lease.granted", "site.set", "a.b.c.d.e.f", "a..b"])
def test_what_is_no_topic_is_refused(chain: Any, topic: str) -> None:
    with pytest.raises(Invalid):
        tell(chain, topic)


def test_a_notice_carries_no_pictures(chain: Any) -> None:
    with pytest.raises(Invalid, match="4096 bytes"):
        tell(chain, picture="x" * 5_000)


def test_only_sites_of_the_chain_have_notices(chain: Any) -> None:
    answer = chain.keeper.run(lambda scribe: note(scribe, "nowhere", "sensing.alarm.raised", "alarms/1", {}))[0]
    assert isinstance(answer, NotFound)
