"""Whatever goes wrong: which exit code, and what is told where."""

import json
from typing import Any

import pytest

from maillage.faces.cli.failures import HINTS, OWN, Problem, own_problem, problem_of, tell
from maillage.faces.problems import catalogue
from maillage.kernel.errors import Invalid, Malformed, NoCapacity, NotFound


@pytest.mark.parametrize(
    ("error", "exit_code", "slug"),
    [
        (NoCapacity("no room"), 1, "no-capacity"),
        (NotFound("no such site"), 1, "not-found"),
        (Invalid("size", "is too small"), 2, "invalid"),
        (Malformed("no JSON"), 2, "malformed"),
        (own_problem("usage", "what?"), 2, "usage"),
        (own_problem("folder-in-use", "by another"), 1, "folder-in-use"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "file-system"),
        (ZeroDivisionError("oh"), 1, "internal"),
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, exit_code: int, slug: str) -> None:
    problem = problem_of(error)
    assert (problem.exit_code, problem.slug) == (exit_code, slug)
    assert {"type", "title", "status", "detail"} <= problem.document.keys()


def test_people_get_title_detail_and_a_hint_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    tell(
        problem_of(NoCapacity("at wm-1 it has 2 of 16 cpu free", passed_over={"no_pool:cpu": 2, "full:cpu": 1_200})),
        False,
    )
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "There is no room for this ask: at wm-1 it has 2 of 16 cpu free",
        "passed over: 1,200 full:cpu, 2 no_pool:cpu",
        f"hint: {HINTS['no-capacity']}",
    ]


def test_the_leases_in_the_way_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    document = {
        "type": "/problems/pool-in-use",
        "title": "T",
        "detail": "D",
        "leases": ["a~1", "a~2"],
        "leases_in_the_way": 9,
    }
    tell(Problem(document), False)
    assert "in the way: a~1, a~2 and 7 more" in capsys.readouterr().err


def test_programs_get_the_problem_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    tell(problem_of(Invalid("size", "is too small", least=1)), True)
    told = capsys.readouterr()
    document: dict[str, Any] = json.loads(told.out)
    assert (document["status"], document["field"], document["least"]) == (422, "size", 1)
    assert told.err == ""


def test_an_internal_error_is_raised_for_those_who_look_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        problem_of(ZeroDivisionError())


def test_every_hint_belongs_to_a_problem_that_exists() -> None:
    assert HINTS.keys() <= {*OWN, *(problem.slug for problem in catalogue())}
