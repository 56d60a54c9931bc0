"""How the tests run: quickly by default, thoroughly with --long, and in CI without a test quietly left out."""

import gc
import os
from collections.abc import Generator
from itertools import count
from random import SystemRandom
from typing import Any

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
EXPECTED_SKIPS_IN_CI: tuple[str, ...] = ("not applicable: ",)
"""How the reason of a skip begins that CI lets pass; any other fails there, since CI must have all that is needed."""

TESTS_BETWEEN_CLEANINGS = 200
_done = count(1)

settings.register_profile("quick", max_examples=60, stateful_step_count=30, deadline=None, print_blob=True)
settings.register_profile("long", max_examples=600, stateful_step_count=50, deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long tests too, and more examples of the others")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis looks at its own options, which win
def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "quick")
    if IN_CI and config.getoption("hypothesis_seed", None) is None:
        # By the environment, since that is what the workers of xdist inherit: one seed for all of them.
        config.option.hypothesis_seed = os.environ.setdefault("TESTS_SEED", str(SystemRandom().randrange(1 << 32)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if IN_CI:
        terminalreporter.write_line(f"run again with --hypothesis-seed={config.getoption('hypothesis_seed')}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_runtest_teardown() -> None:
    """Whoever opens a ledger freezes what there is (once in the life of a server). A process that opens thousands would
    never let go of any, and whatever looks for garbage later would walk gigabytes of it."""
    if next(_done) % TESTS_BETWEEN_CLEANINGS == 0:
        gc.unfreeze()
        gc.collect()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped_in_ci(report)
    return report


def _fail_if_skipped_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(EXPECTED_SKIPS_IN_CI or ("\0",)):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {reason}"
