"""Where people live while no population file is given: those of the cities, spread over made-up tracts.

Cities and their people are those of GeoNames (geonames.org, CC BY 4.0). How a city's people are spread is made up: over
tracts of equal size in a disc as large as a city of its people would be at one density throughout.
"""

import csv
import io
import math

from maillage.demo.chain import us_cities
from maillage.kernel.geo import EARTH_RADIUS_KM

NAME = "cities of GeoNames, spread over made-up tracts"
TRACT_PEOPLE = 4_000
"""As in a census tract of the United States, whose usual size is 1,200 to 8,000 (Census Bureau, geographic terms)."""
PEOPLE_A_KM2 = 1_500.0
_GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
_KM_PER_DEGREE = math.radians(1.0) * EARTH_RADIUS_KM


def townspeople() -> bytes:
    """A population file, CSV: a row a made-up tract."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("lat", "lon", "population"))
    for city in us_cities():
        people = city["population"]
        tracts = max(1, round(people / TRACT_PEOPLE))
        radius_km = math.sqrt(people / PEOPLE_A_KM2 / math.pi)
        east_km_per_degree = _KM_PER_DEGREE * math.cos(math.radians(city["latitude"]))
        for number in range(tracts):
            # Seeds of a sunflower: as even as points in a disc can be (Vogel 1979).
            away_km = radius_km * math.sqrt((number + 0.5) / tracts)
            angle = number * _GOLDEN_ANGLE
            lat = city["latitude"] + away_km * math.cos(angle) / _KM_PER_DEGREE
            lon = city["longitude"] + away_km * math.sin(angle) / east_km_per_degree
            writer.writerow((f"{lat:.6f}", f"{lon:.6f}", round(people / tracts)))
    return text.getvalue().encode()
