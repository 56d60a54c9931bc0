"""Whether every answer that a client got is true in the end."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

from maillage.kernel.times import parse_time
from maillage.simulation.memory import Memory, Told
from maillage.simulation.outcome import Fate, Outcome

HOLDING = "~"
"""Before the name of the hub that sold out of what it held at a site."""
KEY_CERTAIN_S = 20 * 3_600
"""Two grants for one key within this time are too many, whatever the owners' clocks did meanwhile."""

Fault = Callable[[str], None]


def check_promises(memory: Memory, outcome: Outcome, fault: Fault) -> None:
    """Every acknowledged lease exists as it was told, every acknowledged step was taken, a key got one lease."""
    by_key: dict[tuple[str, str], Told] = {}
    for told in memory.told:
        fate = outcome.leases.get(told.lease.id)
        if fate is None:
            fault(f"{told.lease.id} was acknowledged to {told.lease.tenant} ({told.step}), and no journal has it")
            continue
        _check_told(told, fate, fault)
        if told.key is not None:
            name = (told.lease.tenant, told.key)
            first = by_key.setdefault(name, told)
            if first.lease.id != told.lease.id:
                fault(f"key {told.key} was answered with {first.lease.id}, and later with {told.lease.id}")
    for (_, key), answers in memory.together.items():
        if any(answer != answers[0] for answer in answers):
            fault(f"key {key} for several leases was answered with {answers[0]}, and later otherwise: {answers}")
    for lease_id, amount in memory.meters_sent.items():
        fate = outcome.leases.get(lease_id)
        least = memory.metered.get(lease_id, 0)
        if fate is not None and not least <= fate.metered <= amount:
            fault(f"{lease_id} was metered {fate.metered}; {least} were acknowledged and {amount} sent")


def check_keys(outcome: Outcome, fault: Fault) -> None:
    """Over the whole chain a key stands for at most one lease."""
    for (tenant, key), lease_ids in outcome.by_key.items():
        standing = sorted(
            (fate.granted_at, lease_id) for lease_id in lease_ids if (fate := outcome.leases[lease_id]).stands
        )
        for (first_at, first), (at, second) in pairwise(standing):
            if at - first_at < KEY_CERTAIN_S:
                fault(f"key {key} of {tenant} was granted twice, {first} and {second}")


def _check_told(told: Told, fate: Fate, fault: Fault) -> None:
    lease = told.lease
    for name, said, real in (
        ("tenant", lease.tenant, fate.tenant),
        ("site", lease.site, fate.site.partition(HOLDING)[0]),
        ("needs", lease.needs, {kind: quantity / 1_000 for kind, quantity in fate.needs.items()}),
        ("start", parse_time(lease.start, "start"), fate.start),
        ("class", lease.lease_class, fate.cls),
        ("price", Decimal(lease.price.per_hour) * 1_000_000, fate.per_hour),
    ):
        if said != real:
            fault(f"{lease.id} was acknowledged with the {name} {said}, and the journal has {real}")
    if told.key is not None and told.key != fate.key:
        fault(f"{lease.id} was the answer to key {told.key}, and was granted for {fate.key}")
    if fate.state == "voided":
        fault(f"{lease.id} was acknowledged to {lease.tenant} ({told.step}), and made void")
    if told.step == "confirm" and not fate.confirmed:
        fault(f"{lease.id} was acknowledged as confirmed, and never was")
    if told.step == "release" and fate.state != "released":
        fault(f"{lease.id} was acknowledged as released, and is {fate.state}")
    if told.step == "extend" and told.end not in fate.extended_to:
        fault(f"{lease.id} was acknowledged as extended to {told.end}, and never was")
