"""A roof let at a hub, over real HTTP and a real bus: from the catalogue to the signature, and after a kill -9."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.mesh_journals import assert_verified, await_equal
from tests.e2e.mesh_processes import ADMIN_KEY, Mesh, Process

ROOF = {
    "height_m": 9,
    "mounts": [{"id": name, "x_m": 5 * n, "y_m": 0, "radiation_centre_m": 14} for n, name in enumerate(("m1", "m2"))],
    "asking_rent": 800,
    "power_kw": 10,
    "load_kg": 100,
}
PANEL = {"mount": "m1", "band": "n78", "eirp_dbm": 68, "height_m": 0.9, "weight_kg": 40, "wind_area_m2": 0.4}
PLACES = [f"{36 + n / 200},{-94 + e / 200},100" for n in range(-4, 5) for e in range(-4, 5)]
PEOPLE = "\n".join(["lat,lon,population", *PLACES])
"""A hundred on each quarter of a square kilometre."""
PAPERS = ("structural_certificate", "permit", "agreement")


class Caller:
    """Somebody with a key, at a process that may be started anew in between."""

    def __init__(self, process: Process, key: str = ADMIN_KEY) -> None:
        self._process, self._key = process, key

    def answer(self, method: str, path: str, body: Any = None, raw: str = "", media: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._key}"} | ({"Content-Type": media} if media else {})
        what = {"content": raw} if raw else {"json": body}
        return httpx.request(method, f"{self._process.url}{path}", headers=headers, timeout=60, **what)

    def ok(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        answer = self.answer(method, path, body, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """The status, and the kind of problem that it is."""
        answer = self.answer(method, path, body)
        return answer.status_code, str(answer.json()["type"]).rpartition("/")[2]


def test_a_roof_is_let_at_the_hub_and_stays_so_when_the_hub_is_killed(tmp_path: Path) -> None:
    with Mesh(tmp_path) as mesh:
        mesh.start_broker()
        mesh.add_hub()
        mesh.add_nodes({"n1": ["wm-1"]})
        operator = Caller(mesh.hub)
        operator.ok("POST", "/v1/tenants", {"id": "mno", "role": "tenant"})
        tenant = Caller(mesh.hub, operator.ok("POST", "/v1/tenants/mno/keys")["key"])

        mesh.until("the store takes a roof", lambda: operator.answer("PUT", "/v1/sites/wm-1/roof", ROOF).is_success)
        operator.ok("PUT", "/v1/population?name=people", raw=PEOPLE, media="text/csv")
        (listed,) = tenant.ok("GET", "/v1/roofs?near=36,-94&within_km=5&free_mounts=2&power_kw=3&band=n78")["items"]
        assert (listed["site"], listed["mounts_free"]) == ("wm-1", 2)
        assert 350 < listed["coverage"]["people"] / listed["coverage"]["km2"] < 450

        first_day = (date.today() + timedelta(days=30)).isoformat()
        inquiry = {
            "site": "wm-1",
            "start": first_day,
            "mounts": ["m1"],
            "antennas": [PANEL],
            "needs": {"roof_power": 3},
        }
        name = tenant.ok("POST", "/v1/roof-leases", inquiry)["id"]
        one = f"/v1/roof-leases/{name}"
        granted = tenant.ok("POST", f"{one}/apply")["lease"]
        assert operator.refused("POST", f"{one}/sign") == (409, "roof-lease-state")
        operator.ok("POST", f"{one}/review")
        for kind in PAPERS:
            operator.ok("POST", f"{one}/documents?kind={kind}&name={kind}.pdf", raw="%PDF", media="application/pdf")
        operator.ok("POST", f"{one}/approve")
        signed = operator.ok("POST", f"{one}/sign")
        assert (signed["state"], signed["terms"]["rent_per_month"]) == ("signed", "800.00")

        assert tenant.refused("POST", f"/v1/leases/{granted}/release") == (409, "lease-state")
        at_the_store = Caller(mesh.nodes["n1"])
        (lease,) = at_the_store.ok("GET", "/v1/leases")["items"]
        assert (lease["id"], lease["needs"]) == (granted, {"roof_mount": 1, "roof_power": 3, "roof_load": 40})
        assert at_the_store.refused("GET", "/v1/roofs") == (404, "no-roofs-here")

        mesh.hub.kill()
        mesh.hub.start()
        mesh.reached()
        assert tenant.ok("GET", one) == signed
        assert tenant.ok("GET", "/v1/roofs/wm-1")["mounts_free"] == 1
        other = tenant.ok("POST", "/v1/roof-leases", inquiry)["id"]
        assert tenant.refused("POST", f"/v1/roof-leases/{other}/apply") == (409, "mount-taken")
        await_equal(mesh)
        assert_verified(*(process.folder for process in mesh.processes))
