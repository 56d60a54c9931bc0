"""What a node's token lets it do for tenants' code: its own sites' asks and requests, its own account, and no other."""

import pytest

from maillage.engines.bus_rules import matches
from maillage.engines.nats.identity import hub_inbox, node_inbox, node_permissions
from maillage.mesh.messages import alive_subject, hub_subject, lease_subject
from maillage.services.compute.carriage.messages import compute_subject, instances_subject, run_subject

MAY = node_permissions("n1", ["wm-1", "wm-2"])


def may_hear(subject: str) -> bool:
    return any(matches(pattern, subject) for pattern in MAY["sub"]["allow"])


def may_say(subject: str) -> bool:
    return any(matches(pattern, subject) for pattern in MAY["pub"]["allow"])


@pytest.mark.parametrize("subject_of", [lease_subject, compute_subject, run_subject])
def test_a_node_serves_its_own_sites_and_asks_nobody_elses(subject_of: object) -> None:
    assert callable(subject_of)
    assert may_hear(subject_of("wm-1")) and may_hear(subject_of("wm-2"))
    assert not may_hear(subject_of("wm-3")) and not may_hear(subject_of("wm-11"))
    assert not may_say(subject_of("wm-1")) and not may_say(subject_of("wm-3"))


def test_a_node_tells_of_its_own_instances_and_asks_for_code_in_its_own_name() -> None:
    assert may_hear(instances_subject("n1")) and not may_hear(instances_subject("n2"))
    assert not may_say(instances_subject("n2"))
    assert may_say(hub_subject("n1")) and not may_say(hub_subject("n2")) and not may_hear(hub_subject("n1"))
    assert may_say(alive_subject("n1")) and not may_say(alive_subject("n2"))
    assert may_say(f"{hub_inbox('h1')}.answer") and not may_say(f"{node_inbox('n2')}.answer")
