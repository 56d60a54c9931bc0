"""How near to an antenna people may not come: radiated power against ICNIRP's reference levels.

ICNIRP 2020, table 5, general public, whole body, averaged over 30 minutes: f/200 W/m2 from 400 MHz to 2 GHz (f in MHz),
10 W/m2 from there to 300 GHz. In the beam's peak and in the far field power density is EIRP / (4 pi d2), so that
d = sqrt(EIRP / (4 pi S)); what several antennas of one mount add is added, as their beams may look the same way.
"""

import math
from collections import defaultdict
from collections.abc import Iterable

from maillage.services.roof.leasing.model import Antenna

LEVEL_W_M2 = 10.0
"""Of 2 to 300 GHz."""
LOWEST_MHZ = 420.0
"""Of the bands of 5G (n87): what is not in the table counts as this low, which makes its zone the widest."""
# Lower edges of the downlink, in MHz: 3GPP TS 38.104, tables 5.2-1 and 5.2-2, those below 2 GHz.
_BELOW_2_GHZ = {
    "n2": 1930.0,
    "n3": 1805.0,
    "n5": 869.0,
    "n8": 925.0,
    "n12": 729.0,
    "n13": 746.0,
    "n14": 758.0,
    "n18": 860.0,
    "n20": 791.0,
    "n24": 1526.5,
    "n25": 1930.0,
    "n26": 859.0,
    "n28": 758.0,
    "n29": 717.0,
    "n31": 462.5,
    "n39": 1880.0,
    "n50": 1432.0,
    "n51": 1427.0,
    "n67": 738.0,
    "n70": 1995.0,
    "n71": 617.0,
    "n72": 461.0,
    "n74": 1475.0,
    "n75": 1432.0,
    "n76": 1427.0,
    "n85": 728.0,
    "n100": 919.4,
    "n101": 1900.0,
    "n105": 612.0,
    "n106": 935.0,
}
_HIGH = (1, 7, 30, 34, 38, 40, 41, 46, 47, 48, 53, 65, 66, 77, 78, 79, 90, 96, 102, 104, *range(257, 264))
_FROM_2_GHZ = frozenset(f"n{number}" for number in _HIGH)


def level_w_m2(band: str) -> float:
    """The reference level of a band, at its lowest frequency, where it is strictest."""
    if band in _FROM_2_GHZ:
        return LEVEL_W_M2
    return _BELOW_2_GHZ.get(band, LOWEST_MHZ) / 200.0


def exclusion_zone_m(antennas: Iterable[Antenna]) -> float:
    """The greatest distance in metres, over all mounts, at which the reference level is reached; 0 without antennas."""
    shares: defaultdict[str, float] = defaultdict(float)  # mount: sum of EIRP (W) by reference level (W/m2)
    for antenna in antennas:
        shares[antenna.mount] += 10 ** ((antenna.eirp_dbm - 30) / 10) / level_w_m2(antenna.band)
    return round(max((math.sqrt(share / (4 * math.pi)) for share in shares.values()), default=0.0), 2)
