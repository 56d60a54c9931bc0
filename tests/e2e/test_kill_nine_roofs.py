"""Kill -9 while roofs are applied for: what was answered is so afterwards, and each application has one lease."""

import threading
import time
from collections import Counter
from datetime import date, timedelta

from tests.e2e.server import Client, NoAnswer, Server

MOUNTS = [f"m{number}" for number in range(16)]
ANSWERED = (4, 10)
"""The server is killed once so many applications were answered."""
PANEL = {"band": "n78", "eirp_dbm": 60, "height_m": 0.9, "weight_kg": 30, "wind_area_m2": 0.3}


class Applying(threading.Thread):
    """Applies with one inquiry after the other until all are answered or the server is gone."""

    def __init__(self, server: Server, key: str, waiting: list[str], answered: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._server, self._key = server, key
        self._waiting, self._answered = waiting, answered

    def run(self) -> None:
        with Client(self._server.port, self._key) as tenant:
            while self._waiting:
                name = self._waiting.pop(0)
                try:
                    self._answered[name] = tenant.ok("POST", f"/v1/roof-leases/{name}/apply")["lease"]
                except NoAnswer:
                    return  # left as it was when the server was killed


def test_applications_survive_kill_nine_and_are_granted_once(server: Server) -> None:
    key, names = inquiries(server)
    waiting, answered = list(names), dict[str, str]()
    for enough in ANSWERED:
        applying = Applying(server, key, waiting, answered)
        applying.start()
        deadline = time.monotonic() + 60
        while len(answered) < enough:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        server.kill()
        applying.join(60)
        server.start()
    Applying(server, key, waiting, answered).run()
    assert len(answered) >= len(names) - len(ANSWERED)

    with Client(server.port) as operator:
        roof_leases = {lease["id"]: lease for lease in operator.ok("GET", "/v1/roof-leases?limit=100")["items"]}
        leases = [lease["id"] for lease in operator.ok("GET", "/v1/leases?limit=100")["items"]]
    assert {name: roof_leases[name]["lease"] for name in answered} == answered
    applied = [lease["lease"] for lease in roof_leases.values() if lease["state"] == "application"]
    assert None not in applied, "what was left half-done is completed when the server starts"
    assert Counter(leases) == Counter(applied)
    assert {lease["state"] for lease in roof_leases.values()} <= {"application", "inquiry"}


def inquiries(server: Server) -> tuple[str, list[str]]:
    """A tenant's key, and an inquiry of its for each mount of a roof."""
    with Client(server.port) as operator:
        operator.ok("PUT", "/v1/sites/wm-1", {"name": "a store", "lat": 36.37, "lon": -94.21})
        mounts = [{"id": name, "x_m": 2 * n, "y_m": 0, "radiation_centre_m": 12} for n, name in enumerate(MOUNTS)]
        operator.ok("PUT", "/v1/sites/wm-1/roof", {"height_m": 9, "mounts": mounts, "asking_rent": 500})
        operator.ok("POST", "/v1/tenants", {"id": "mno", "role": "tenant"})
        key = str(operator.ok("POST", "/v1/tenants/mno/keys")["key"])
    wanted = {"site": "wm-1", "start": (date.today() + timedelta(days=30)).isoformat()}
    with Client(server.port, key) as tenant:
        bodies = [{**wanted, "mounts": [mount], "antennas": [{**PANEL, "mount": mount}]} for mount in MOUNTS]
        return key, [tenant.ok("POST", "/v1/roof-leases", body)["id"] for body in bodies]
