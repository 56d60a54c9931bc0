"""Options that several commands share, and how their texts are read."""

import math
from typing import Annotated, Any

import typer

KEY_MAX = 255
HOURS_MAX = 50 * 366 * 24


def parse_place(text: str) -> tuple[float, float]:
    """``LAT,LON`` in degrees."""
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text[:40]!r} is not LAT,LON such as 36.37,-94.21") from None
    if not (abs(lat) <= 90 and abs(lon) <= 180):  # false for NaN as well
        raise typer.BadParameter(f"{text[:40]!r} is no place: latitudes end at 90 degrees, longitudes at 180")
    return lat, lon


def parse_needs(texts: list[str]) -> dict[str, str]:
    """``KIND=QUANTITY`` each; the quantity goes on as it was written."""
    needs: dict[str, str] = {}
    for text in texts:
        kind, equals, quantity = (part.strip() for part in text.partition("="))
        if not (kind and equals and quantity):
            raise typer.BadParameter(f"{text[:40]!r} is not KIND=QUANTITY such as cpu=4", param_hint="'--need'")
        if kind in needs:
            raise typer.BadParameter(f"{kind} is named twice; give the sum once", param_hint="'--need'")
        needs[kind] = quantity
    return needs


def parse_attributes(texts: list[str]) -> dict[str, str | int | float | bool]:
    """``NAME=VALUE`` each; a value is a number or a truth where it plainly is one, as in a site file."""
    from maillage.kernel.sites import attribute_value

    attributes: dict[str, str | int | float | bool] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals):
            raise typer.BadParameter(
                f"{text[:40]!r} is not NAME=VALUE such as has_clinic=true", param_hint="'--attribute'"
            )
        attributes[name.strip()] = attribute_value(value.strip())
    return attributes


def _checked_place(text: str | None) -> str | None:
    if text is not None:
        parse_place(text)
    return text


def _checked_number(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter("must be a finite number")
    return number


def _checked_key(key: str | None) -> str | None:
    if key is not None and not (1 <= len(key) <= KEY_MAX and key.isascii() and key.isprintable()):
        raise typer.BadParameter(f"is 1 to {KEY_MAX} printable ASCII characters")
    return key


def Bounded(name: str, help_text: str, **more: Any) -> Any:  # noqa: N802  it reads as a type where it is used
    """An option that takes a finite number."""
    return typer.Option(name, help=help_text, callback=_checked_number, **more)


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

Near = Annotated[
    str | None, typer.Option("--near", metavar="LAT,LON", help="A place, in degrees.", callback=_checked_place)
]
Site = Annotated[str | None, typer.Option("--site", metavar="ID", help="Only this site.")]
Tenant = Annotated[str | None, typer.Option("--tenant", metavar="ID", help="Only this tenant.")]
Start = Annotated[str | None, typer.Option("--start", metavar="TIME", help="RFC 3339, with its zone; now if left out.")]
End = Annotated[str | None, typer.Option("--end", metavar="TIME", help="RFC 3339, with its zone.")]

Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Entries to show.")]
Cursor = Annotated[str | None, typer.Option("--cursor", metavar="TEXT", help="The 'next' of an earlier page.")]
All = Annotated[bool, typer.Option("--all", help="Follow the list to its end.")]
LIMIT_DEFAULT = 100

IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="TEXT", callback=_checked_key, help="Granted once for this key, however often it is repeated."
    ),
]
