"""What people are told of an alarm."""

import secrets
from typing import Any

from maillage.kernel.times import format_time
from maillage.services.sensing.coldchain.alarms.words import shown, span
from maillage.services.sensing.coldchain.escalation.deliveries import Message
from maillage.services.sensing.coldchain.model import Alarm

TYPE = "maillage.sensing.alarm.escalated"


def message_of(alarm: Alarm, site_name: str, exposure_ms: int | None, now: int) -> Message:
    """``exposure_ms`` is what the exposure clock says by now."""
    since_s = max(now - alarm.began_ms // 1_000, 0)
    lines = [
        f"{alarm.level.upper()}: {alarm.text}",
        "",
        f"store:    {site_name} ({alarm.site})" if site_name != alarm.site else f"store:    {alarm.site}",
        f"unit:     {alarm.unit}",
        f"since:    {format_time(alarm.began_ms // 1_000)} ({span(since_s)})",
    ]
    if alarm.device:
        lines.append(f"device:   {alarm.device}")
    if alarm.extreme is not None:
        lines.append(f"at worst: {shown(alarm.extreme)}")
    if exposure_ms is not None:
        lines.append(f"exposure: {exposure_ms // 60_000} min above the exposure limit")
    if alarm.recovered_ms is not None:
        lines.append(
            f"The value came back at {format_time(alarm.recovered_ms // 1_000)}; it still has to be acknowledged."
        )
    lines += ["", f"Acknowledge: maillage sensing alarms acknowledge {alarm.id} --by NAME", f"alarm {alarm.id}"]
    subject = f"[{alarm.level}] {alarm.site} {alarm.unit}: {alarm.text}"
    data: dict[str, Any] = {
        "alarm": alarm.id,
        "incident": alarm.incident,
        "site": alarm.site,
        "unit": alarm.unit,
        "device": alarm.device,
        "kind": alarm.kind,
        "level": alarm.level,
        "state": alarm.state,
        "text": alarm.text,
        "began_at": format_time(alarm.began_ms // 1_000),
        "raised_at": format_time(alarm.raised_ms // 1_000),
        "extreme": alarm.extreme,
        "exposure_min": None if exposure_ms is None else exposure_ms // 60_000,
    }
    return Message("pg_" + secrets.token_hex(12), now, TYPE, subject[:200], "\n".join(lines) + "\n", data)
