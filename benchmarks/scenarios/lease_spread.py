"""Durable leases spread over the whole chain, against PostgreSQL with the same meaning and in its fastest form."""

from benchmarks.leasing import compare, spread_sites
from benchmarks.report import Outcome
from benchmarks.rounds import Setting


def run(setting: Setting) -> Outcome:
    return compare(setting, "lease-spread", spread_sites(setting), goals=(8, 3))
