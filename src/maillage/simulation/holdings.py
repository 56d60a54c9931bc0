"""Whether what a hub sold out of escrow lay within what stores had granted it, at every instant."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from maillage.simulation.outcome import Fate, Outcome
from maillage.simulation.promises import HOLDING


def check_holdings(outcome: Outcome, fault: Callable[[str], None]) -> None:
    """Sum up, per store, hub and kind, what was sold at ``<site>~<hub>`` and what the store granted to ``~<hub>``."""
    granted: defaultdict[tuple[str, str], list[Fate]] = defaultdict(list)
    sold: defaultdict[tuple[str, str], list[Fate]] = defaultdict(list)
    for fate in outcome.leases.values():
        site, _, hub = fate.site.partition(HOLDING)
        if hub:
            sold[site, hub].append(fate)
        elif fate.tenant.startswith(HOLDING):
            granted[site, fate.tenant.removeprefix(HOLDING)].append(fate)
    for (site, hub), fates in sold.items():
        for kind in sorted({kind for fate in fates for kind in fate.needs}):
            at = _first_beyond(fates, granted[site, hub], kind)
            if at is not None:
                fault(f"{hub} sold more {kind} of {site} at {at} than the store had granted it")


def _first_beyond(sold: Iterable[Fate], granted: Iterable[Fate], kind: str) -> int | None:
    """The first instant at which more was sold than granted."""
    edges: defaultdict[int, int] = defaultdict(int)
    for fates, sign in ((sold, 1), (granted, -1)):
        for fate in fates:
            edges[fate.start] += sign * fate.needs.get(kind, 0)
            edges[fate.end] -= sign * fate.needs.get(kind, 0)
    beyond = 0
    for at in sorted(edges):
        beyond += edges[at]
        if beyond > 0:
            return at
    return None
