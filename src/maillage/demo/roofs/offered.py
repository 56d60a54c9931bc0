"""Roofs as the demo's stores have them: made up from the height that a store says of itself."""

from maillage.kernel.sites import Site
from maillage.services.roof.catalogue.documents import NewRoof
from maillage.services.roof.catalogue.model import Mount

HEIGHT_M = 8.0
"""Of stores that do not say theirs."""
MAST_M = 3.0
RADIATION_CENTRE_MIN_M = 10.0
"""Where TR 38.901 has the antennas of its street canyon: lower ones are given a longer mast."""
RENT_PER_MOUNT = 450
POWER_KW, LOAD_KG, FIBRE_PAIRS = 12, 600, 4
SECTORS_DEG = (0.0, 120.0, 240.0)


def roof_of(site: Site) -> NewRoof:
    """Three mounts, one a sector, on the middle of the roof."""
    told = site.attributes.get("roof_height_m")
    height_m = float(told) if isinstance(told, int | float) and 3 <= told <= 60 else HEIGHT_M
    centre_m = max(height_m + MAST_M, RADIATION_CENTRE_MIN_M)
    mounts = tuple(
        Mount(
            id=f"m{number}",
            x_m=2.0 * number,
            y_m=0.0,
            radiation_centre_m=centre_m,
            azimuth_deg=azimuth_deg,
            antenna_height_max_m=2.0,
            antenna_weight_max_kg=120.0,
            wind_area_max_m2=1.5,
        )
        for number, azimuth_deg in enumerate(SECTORS_DEG)
    )
    return NewRoof(
        height_m=height_m,
        mounts=mounts,
        asking_rent=RENT_PER_MOUNT,
        power_kw=POWER_KW,
        load_kg=LOAD_KG,
        fibre_pairs=FIBRE_PAIRS,
        access="by day, with the store's manager",
    )
