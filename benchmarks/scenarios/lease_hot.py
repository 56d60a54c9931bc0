"""Durable leases that all want the same pool, which row locks turn into a queue and one writer does not notice."""

from benchmarks.leasing import compare
from benchmarks.report import Outcome
from benchmarks.rounds import Setting


def run(setting: Setting) -> Outcome:
    return compare(setting, "lease-hot", sites=1, goals=(25, 7))
