"""Who may do what to a roof lease, from which state, with which documents attached: all of it in one table."""

from typing import Any, Literal, NamedTuple

import msgspec

from maillage.kernel.errors import NotAllowed
from maillage.services.roof.leasing.errors import PaperMissing, RoofLeaseState
from maillage.services.roof.leasing.model import RoofLease, State, Step

Role = Literal["tenant", "operator", "node", "clock"]
CLOCK = "clock"


class Actor(NamedTuple):
    """Somebody who asks: ``tenant`` is whom the key belongs to."""

    tenant: str
    role: Role


class Act(NamedTuple):
    """``after`` None leaves the state as it is. ``papers`` are kinds of documents that must be attached."""

    name: str
    before: tuple[State, ...]
    after: State | None
    roles: tuple[Role, ...]
    papers: tuple[str, ...] = ()


_UNSIGNED: tuple[State, ...] = ("inquiry", "application", "structural_review", "permit")
_UNDER_REVIEW: tuple[State, ...] = ("application", "structural_review", "permit")

ACTS = {
    act.name: act
    for act in (
        Act("apply", ("inquiry",), "application", ("tenant",)),
        Act("review", ("application",), "structural_review", ("operator",)),
        Act("approve", ("structural_review",), "permit", ("operator",), ("structural_certificate",)),
        Act("sign", ("permit",), "signed", ("operator",), ("permit", "agreement")),
        Act("on_air", ("signed",), "on_air", ("tenant",)),
        Act("notice", ("signed", "on_air"), None, ("tenant", "operator")),
        Act("networks", ("signed", "on_air"), None, ("tenant", "operator")),
        Act("decommission", ("signed", "on_air"), "decommissioned", ("tenant", "operator")),
        Act("withdraw", _UNSIGNED, "withdrawn", ("tenant",)),
        Act("decline", _UNSIGNED, "declined", ("operator",)),
        Act("lapse", _UNSIGNED, "lapsed", ("clock",)),
        Act("refuse", ("application",), "inquiry", ("clock",)),
        Act("end", ("signed", "on_air"), None, ("clock",)),
    )
}
"""``refuse`` takes an application back that the kernel had no room for; ``end`` is when its time is over."""


def require_act(lease: RoofLease, name: str, actor: Actor) -> Act:
    """What a step is. NotAllowed where it is for others, RoofLeaseState where it can't be taken now, PaperMissing
    where it can't be taken yet."""
    act = ACTS[name]
    if actor.role not in act.roles:
        raise NotAllowed(f"{_named(name)} is for {_either(act.roles)} to do; this key is {_article(actor.role)}'s")
    if lease.state not in act.before:
        raise not_now(lease, f"it is {_worded(lease.state)}, so that {_named(name)} can't be done")
    missing = [kind for kind in act.papers if all(document.kind != kind for document in lease.documents)]
    if missing:
        raise PaperMissing(
            f"{_named(name)} takes the {' and the '.join(missing)}: attach {'it' if len(missing) == 1 else 'them'} to "
            f"roof lease {lease.id} first, as a document of that kind",
            lease=lease.id,
            missing=missing,
        )
    return act


def not_now(lease: RoofLease, why: str, **more: Any) -> RoofLeaseState:
    """A refusal that says what can be done instead, and by whom."""
    can = possible(lease)
    told = "; ".join(f"{_named(each['act'])} ({_either(each['by'])})" for each in can)
    return RoofLeaseState(
        f"roof lease {lease.id}: {why}. {f'From here: {told}' if told else 'Nothing more can be done to it'}",
        lease=lease.id,
        state=lease.state,
        can=can,
        **more,
    )


def possible(lease: RoofLease) -> list[dict[str, Any]]:
    """The steps that people can take from here: ``act``, ``by`` whom, and what they lead ``to``, with the kinds of
    documents that are ``missing`` for them."""
    attached = {document.kind for document in lease.documents}
    return [
        {
            "act": act.name,
            "by": list(act.roles),
            "to": act.after or lease.state,
            "missing": [kind for kind in act.papers if kind not in attached],
        }
        for act in ACTS.values()
        if lease.state in act.before and CLOCK not in act.roles
    ]


def moved(lease: RoofLease, act: Act, at: int, by: str, note: str = "", /, **changes: Any) -> RoofLease:
    """The lease after a step, and one revision on."""
    state = act.after or lease.state
    history = (*lease.history, Step(at, by, act.name, state, note))
    return revised(lease, state=state, history=history, **changes)


def revised(lease: RoofLease, /, **changes: Any) -> RoofLease:
    """The lease with something changed, one revision on."""
    return msgspec.structs.replace(lease, revision=lease.revision + 1, **changes)


def _named(act: str) -> str:
    return act.replace("_", " ")


def _worded(state: State) -> str:
    return {
        "inquiry": "an inquiry",
        "application": "an application",
        "structural_review": "in structural review",
        "permit": "waiting for its permit and agreement",
        "on_air": "on air",
    }.get(state, state)


def _either(roles: Any) -> str:
    return " or ".join(f"the {role}" for role in roles)


def _article(role: str) -> str:
    return f"an {role}" if role[0] in "aeiou" else f"a {role}"
