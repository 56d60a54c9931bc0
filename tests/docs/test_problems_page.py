"""The pages on problems and on HTTP say what the code does: every type, every route, every example."""

import re
from pathlib import Path

import msgspec
import pytest

from maillage.faces.http import gate, hot
from maillage.faces.http.routes import parameters
from maillage.faces.http.routes.sites import REJECTIONS_SHOWN
from maillage.faces.problems import ProblemType, catalogue
from maillage.kernel import asks, documents, moves, quantities, sites
from maillage.kernel.cloudevents import cloud_event
from maillage.kernel.events import Event, Noted
from maillage.mesh import enrolment
from tests.docs.http_examples import examples, send
from tests.unit.faces.http.api import Api, opened

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
PROBLEMS = (REFERENCE / "problems.md").read_text("utf-8")
HTTP = (REFERENCE / "http.md").read_text("utf-8")
ROW = re.compile(r"^\| ([a-z-]+) \| (\d{3}) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ROWS = {slug: (int(status), title, advice) for slug, status, title, advice in ROW.findall(PROBLEMS)}


@pytest.mark.parametrize("problem", catalogue(), ids=lambda problem: problem.slug)
def test_every_type_of_problem_is_on_the_page_with_what_to_do(problem: ProblemType) -> None:
    status, title, advice = ROWS[problem.slug]
    assert (status, title) == (problem.status, problem.title)
    assert len(advice) > 15


def test_the_page_lists_no_problem_that_does_not_exist_and_is_in_order() -> None:
    assert list(ROWS) == [problem.slug for problem in catalogue()]


def test_every_problem_is_named_by_one_slug_and_one_title() -> None:
    assert len({problem.title for problem in catalogue()}) == len(catalogue())


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    with opened(tmp_path_factory.mktemp("described")) as api:
        paths = api.ok("GET", "/openapi.json")["paths"]
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item}


def test_the_table_of_routes_is_that_of_the_description(described: set[str]) -> None:
    section = HTTP.partition("## Routes")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", section, re.MULTILINE)) == described


def test_the_examples_answer_as_the_page_says(tmp_path: Path) -> None:
    shown = examples(HTTP)
    assert len(shown) >= 8 and all(example.answer is not None for example in shown)
    with opened(tmp_path) as api:
        for example in shown:
            response = send(api, example)
            assert (response.status_code, response.json()) == (example.status, example.answer), example.text
        assert_event_is_real(api)


def assert_event_is_real(api: Api) -> None:
    found = re.search(r"^    id: (\d+)\n    data: (.+)$", HTTP, re.MULTILINE)
    assert found is not None

    async def first() -> object:
        async for item in api.chain.feed.follow(int(found[1]), 1):
            return item
        return None

    number, event = api.run(first())  # type: ignore[misc]
    assert number == int(found[1])
    assert msgspec.to_builtins(cloud_event(event)) == msgspec.json.decode(found[2])


def test_the_events_table_names_every_type() -> None:
    named = set(re.findall(r"^\| `maillage\.([a-z.]+)` \|", HTTP, re.MULTILINE))
    assert named == {kind.topic for kind in Event.__args__ if kind is not Noted}


def test_the_limits_are_those_of_the_code() -> None:
    section = HTTP.partition("## Limits")[2]
    assert f"a request | {gate.BODY_MAX >> 20} MiB" in section
    assert f"a site file | {gate.SITE_FILE_MAX >> 20} MiB" in section
    assert f"asks in a batch | {hot.BATCH_MAX:,} |" in section
    assert f"kinds in an ask | {asks.NEEDS_MAX} |" in section
    assert f"sites in an ask | {documents.SEVERAL_MAX:,} |" in section
    assert f"attributes of a site | {sites.ATTRIBUTES_MAX} |" in section
    assert f"meters of a lease | {moves.METERS_MAX} |" in section
    assert f"sites of a node | {enrolment.SITES_MAX:,} |" in section
    assert f"`limit` is 1 to {parameters.PAGE_MAX:,} ({parameters.PAGE_DEFAULT} unless given)" in HTTP
    assert f"(1 to {documents.KEY_MAX} printable characters)" in HTTP
    assert f"up to {quantities.QUANTITY_MAX:,}" in HTTP
    assert f"The first {REJECTIONS_SHOWN:,} rejections" in HTTP
