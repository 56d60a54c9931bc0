"""``roof rain``: what rain takes from a link between roofs."""

from typing import Annotated, Any, Literal

import typer

from maillage.faces.cli import show
from maillage.faces.cli.options import Bounded, Json


def rain(
    fc_ghz: Annotated[float, Bounded("--ghz", "Carrier frequency.", metavar="GHZ")],
    length_km: Annotated[float, Bounded("--km", "Length of the link.", metavar="KM")],
    rain_mm_h: Annotated[
        float, Bounded("--mm-h", "Rain that the place exceeds 0.01 % of the time (ITU-R P.837).", metavar="MM/H")
    ],
    percent: Annotated[float, Bounded("--percent", "Of the time, for which more is lost.", metavar="PERCENT")] = 0.01,
    polarisation: Annotated[Literal["horizontal", "vertical", "circular"], typer.Option("--polarisation")] = "vertical",
    as_json: Json = False,
) -> None:
    """What rain takes from a radio link between two roofs, by ITU-R P.838 and P.530; needs maillage[rain]."""
    from maillage.services.roof.radio.rain import link_rain_db, rain_db_per_km

    document = {
        "fc_ghz": fc_ghz,
        "length_km": length_km,
        "rain_mm_h": rain_mm_h,
        "polarisation": polarisation,
        "db_per_km": round(float(rain_db_per_km(fc_ghz, rain_mm_h, polarisation)), 4),
        "exceeded_percent": percent,
        "link_db": round(link_rain_db(length_km, fc_ghz, rain_mm_h, polarisation, exceeded_percent=percent), 4),
    }
    show.emit(document, as_json, _print_rain)


def _print_rain(document: dict[str, Any]) -> None:
    show.say(
        f"{document['link_db']:.2f} dB are exceeded for {document['exceeded_percent']:g} % of the year on"
        f" {document['length_km']:g} km at {document['fc_ghz']:g} GHz",
        "bold",
    )
    show.print_facts([("where it rains so", f"{document['db_per_km']:.3f} dB/km at {document['rain_mm_h']:g} mm/h")])
