"""How usage and invoices look."""

from typing import Any

import pytest

from maillage.faces.cli.money import _hour, _print_invoices, _print_usage

LINE = {
    "lease": "bv-1~4",
    "tenant": "acme",
    "site": "bv-1",
    "class": "spot",
    "state": "reclaimed",
    "seconds": 5_400,
    "needs": {"cpu": 8},
    "reserved": {"cpu": 12.0},
    "measured": {"cpu_seconds": 1234.5},
    "charges": [{"line": "roof rent", "at": "2026-11-01T00:00:00Z", "amount": "7.50"}],
    "per_hour": "0.10",
    "amount": "0.15",
    "credit": "0.05",
}


def invoice(tenant: str, *lines: dict[str, Any]) -> dict[str, Any]:
    sums = (
        {"amount": "0.15", "credit": "0.05", "total": "0.10"}
        if lines
        else dict.fromkeys(("amount", "credit", "total"), "0.00")
    )
    return {"tenant": tenant, "month": "2026-11", "currency": "USD", "status": "open", "lines": list(lines), **sums}


def test_usage_is_listed_and_summed_to_the_last_decimal(capsys: pytest.CaptureFixture[str]) -> None:
    _print_usage({"items": [LINE, {**LINE, "lease": "bv-1~5", "amount": "0.000001"}], "next": None})
    lines = capsys.readouterr().out.splitlines()
    assert "1.50" in lines[1] and "cpu 12.0" in lines[1] and "cpu_seconds 1,234.5" in lines[1]
    assert lines[-1] == "2 leases, 0.150001 in all"


def test_many_tenants_are_a_table_of_totals(capsys: pytest.CaptureFixture[str]) -> None:
    _print_invoices({"items": [invoice("acme", LINE), invoice("zeta", LINE), invoice("operator")]})
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["tenant", "acme", "zeta", "operator"]
    assert "--tenant" in told.err


def test_the_only_tenant_that_owes_is_shown_with_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    _print_invoices({"items": [invoice("acme", LINE), invoice("operator")]})
    out = capsys.readouterr().out
    assert out.startswith("acme, 2026-11 (open)") and "bv-1~4" in out
    assert "cpu_seconds 1,234.5" in out and "roof rent" in out
    assert out.endswith("0.15 less 0.05 credit: 0.10 USD\n")


def test_an_invoice_without_measurements_does_not_speak_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    _print_invoices(invoice("acme", LINE | {"measured": {}, "charges": []}))
    assert "measured" not in capsys.readouterr().out


def test_a_tenant_that_owes_nothing_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    _print_invoices(invoice("acme"))
    assert "Nothing is owed." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hour", "text"), [(0, "Mon 00:00"), (17, "Mon 17:00"), (166, "Sun 22:00"), (168, "Sun 24:00")]
)
def test_an_hour_of_the_week_has_a_day_and_a_time(hour: int, text: str) -> None:
    assert _hour(hour) == text
