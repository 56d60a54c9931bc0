"""``./maillage bench [SCENARIO ...]``: runs scenarios one after the other, each in a process of its own."""

import argparse
import signal
import sys

from benchmarks.apart import module_of, run_apart, stop
from benchmarks.report import RESULTS, markdown

SCENARIOS = (
    "find",
    "find-batch",
    "lease-spread",
    "lease-hot",
    "http",
    "growth",
    "long",
    "restart",
    "storm",
    "mesh",
    "invoke",
    "invoke-cold",
    "apps",
    "deploy",
    "gateway",
    "readings",
    "simulate",
    "coverage",
    "detector",
    "roof-coverage",
    "pathloss",
    "siting",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./maillage bench", description="Measure Maillage against its peers.")
    parser.add_argument("scenario", nargs="*", help="which to run; all when none is named")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds of each comparison (default 5)")
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, measures nothing")
    parser.add_argument("--list", action="store_true", help="say what each scenario measures, and leave")
    parser.add_argument("--markdown", action="store_true", help="print the table of the results kept, and leave")
    options = parser.parse_args()
    unknown = [name for name in options.scenario if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.list:
        for name in SCENARIOS:
            print(f"{name:<14}{(module_of(name).__doc__ or '').strip()}")
        return 0
    if options.markdown:
        print(markdown(list(SCENARIOS)))
        return 0
    signal.signal(signal.SIGTERM, stop)
    RESULTS.mkdir(exist_ok=True)
    failed = 0
    for name in options.scenario or SCENARIOS:
        failed |= run_apart(name, options.rounds, options.quick)
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
