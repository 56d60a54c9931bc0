"""CAMARA's own scenarios against a running server, and the steps that look at what it answered.

Every request is held against the file that describes it before it is sent, unless its scenario is about a wrong one;
every answer is held against that file whatever the scenario asks.
"""

import json
from typing import Any

import pytest
from pytest_bdd import scenarios

from tests.camara import schemas
from tests.camara.conftest import says
from tests.camara.exchange import Exchange
from tests.camara.world import World

FEATURES = schemas.FOLDER / "Test_definitions"

if FEATURES.is_dir():
    scenarios(str(FEATURES))
else:

    def test_camara_s_scenarios_are_there() -> None:
        pytest.skip(schemas.ABSENT)


# -- status and headers ------------------------------------------------------------------------------------------------


@says(r"(the )?response (status )?code is (?P<status>\d{3})( \w+)?")
def status_is(exchange: Exchange, status: str) -> None:
    for answer in exchange.answers:
        assert answer.status_code == int(status), f"{answer.status_code} {answer.text} to {exchange.sent}"


@says(r'the response header "(?P<name>[^"]+)" is "(?P<value>[^"]*)"')
def header_is(exchange: Exchange, name: str, value: str) -> None:
    assert {answer.headers[name] for answer in exchange.answers} == {value}


@says(r'the (response )?header "(?P<name>[^"]+)" has (the )?same value as the request header "(?P<other>[^"]+)"')
def header_is_echoed(exchange: Exchange, name: str, other: str) -> None:
    assert {answer.headers[name] for answer in exchange.answers} == {exchange.headers[other]}


@says(r'the response header "(?P<name>[^"]+)" is (present|returned|included).*')
def header_is_there(exchange: Exchange, name: str) -> None:
    assert all(answer.headers[name] for answer in exchange.answers)


# -- schemas -----------------------------------------------------------------------------------------------------------


@says(r'the response body complies with the (OAS )?schema (at|defined by) "(?P<pointer>[^"]+)"')
@says(r'each item in the response array complies with the OAS schema at "(?P<pointer>[^"]+)"')
def body_complies(exchange: Exchange, pointer: str) -> None:
    """Of a list each, where the schema is of one."""
    schema = exchange.api.schema(pointer)
    for document in exchange.documents:
        several = isinstance(document, list) and schema.get("type") != "array"
        assert document or not several, "the list is empty: nothing was looked at"
        for one in document if several else [document]:
            schemas.require(one, schema, pointer)


@says(r"the response body complies with the OAS schema for this operation and status code")
def body_complies_with_operation(exchange: Exchange) -> None:
    for answer in exchange.answers:
        exchange.operation.require_answer(answer.status_code, answer.headers, answer.content)


@says(r'the \w+ object includes the \w+ object defined at "(?P<pointer>[^"]+)"')
def body_includes(exchange: Exchange, pointer: str) -> None:
    schemas.require(exchange.document, exchange.api.schema(pointer), pointer)


@says(r'the \w+ object omits the optional \w+ object defined at "(?P<pointer>[^"]+)"')
def body_omits(exchange: Exchange, pointer: str) -> None:
    assert not set(exchange.api.schema(pointer)["properties"]) & set(exchange.document)


@says(r"the response body is an array of \w+ objects")
def body_is_a_list(exchange: Exchange) -> None:
    assert isinstance(exchange.document, list) and exchange.document


# -- properties --------------------------------------------------------------------------------------------------------


@says(r'the response property "(?P<name>[^"]+)" is (?P<value>\d+|"[^"]*")')
def property_is(exchange: Exchange, name: str, value: str) -> None:
    for document in exchange.documents:
        assert found(document, name) == json.loads(value), document


@says(r'the response property "(?P<name>[^"]+)" contains a user[- ]friendly text')
def property_is_a_text(exchange: Exchange, name: str) -> None:
    """Some words, and nothing of how this is built."""
    for document in exchange.documents:
        text = found(document, name)
        assert len(text.split()) > 2 and "Traceback" not in text and "Error(" not in text, text


@says(r'the response property "(?P<name>[^"]+)" is returned')
def property_is_there(exchange: Exchange, name: str) -> None:
    assert found(exchange.document, name)


@says(r'the response contains a valid UUID as "(?P<name>[^"]+)"')
def property_is_a_uuid(exchange: Exchange, name: str) -> None:
    schemas.require(exchange.document[name], {"type": "string", "format": "uuid"}, name)


@says(r'the response property "(?P<name>[^"]+)" has the value provided for submitApp')
@says(r'the response property "(?P<name>[^"]+)" exists only if provided for submitApp and with the same value')
def property_is_as_submitted(exchange: Exchange, name: str) -> None:
    key = name.lstrip("$.")
    assert exchange.document.get(key) == exchange.submitted.get(key)


@says(r'the response property "(?P<name>[^"]+)" has the value provided for "(?P<given>[^"]+)"')
def property_is_as_asked(exchange: Exchange, name: str, given: str) -> None:
    assert str(found(exchange.document, name)) == exchange.given[given.removeprefix("$.")]


@says(r'the response property "(?P<name>[^"]+)" is present and complies with the OAS schema at "(?P<pointer>[^"]+)"')
def property_complies(exchange: Exchange, name: str, pointer: str) -> None:
    schemas.require(found(exchange.document, name), exchange.api.schema(pointer), pointer)


# -- lists of zones and of instances -----------------------------------------------------------------------------------


@says(r'the response property "\$\.edgeCloudZones" is a list of Edge Cloud Zones')
def zones_are_listed(exchange: Exchange) -> None:
    for zone in exchange.document["edgeCloudZones"]:
        schemas.require(zone, exchange.api.schema("EdgeCloudZone"), "a zone")


@says(r'any Edge Cloud Zone with Kubernetes clusters includes them in the "[^"]+" property')
def clusters_are_told(exchange: Exchange) -> None:
    """No zone has any, so none says so."""
    assert not any(zone.get("clusters") for zone in exchange.document["edgeCloudZones"])


@says(r'information of Edge Cloud Zones (with|of) "\$\.(?P<name>\w+)" is returned')
def zones_are_filtered(exchange: Exchange, world: World, name: str) -> None:
    field, wanted = ("edgeCloudZoneStatus" if name == "status" else name), exchange.given[name]
    expected = [zone for zone in world.zones() if zone.get(field) == wanted]
    assert exchange.document["edgeCloudZones"] == expected and expected


@says(r"Edge Cloud Zones with any status are returned")
def zones_of_any_status(exchange: Exchange) -> None:
    statuses = {zone["edgeCloudZoneStatus"] for zone in exchange.document["edgeCloudZones"]}
    assert statuses == {"active", "inactive"}


@says(r"the response contains filtered Edge Cloud Zones matching the specified parameters")
def zones_match(exchange: Exchange) -> None:
    zones = exchange.document["edgeCloudZones"]
    assert zones and {zone["edgeCloudRegion"] for zone in zones} == {exchange.sent["edgeCloudRegion"]}


@says(r"a list of existing app instances is returned")
@says(r"information of all existing app instances of given app is returned")
@says(r"information of all existing app instances running in the specified region is returned")
def instances_are_listed(exchange: Exchange, world: World) -> None:
    app, instance = world.running()
    assert instance in [one["appInstanceId"] for one in exchange.document]
    if "appId" in exchange.given:
        assert {one["appId"] for one in exchange.document} == {app}
    if "region" in exchange.given:
        here = {zone["edgeCloudZoneId"] for zone in world.zones() if zone["edgeCloudRegion"] == "Ozarks"}
        assert {one["edgeCloudZoneId"] for one in exchange.document} <= here


@says(r'the EndpointDiscoveryResult parameter has an array of one "(?P<name>\w+)" with the schema .* "(?P<pointer>.+)"')
def endpoints_are_listed(exchange: Exchange, name: str, pointer: str) -> None:
    (endpoint,) = exchange.document[name]
    schemas.require(endpoint, exchange.api.schema(pointer), pointer)


@says(r"(a list of|information of) (?!.*Edge Cloud Zones)(?!.*app instances).* (is|are) returned")
def something_is_listed(exchange: Exchange) -> None:
    assert exchange.document


def found(document: Any, name: str) -> Any:
    """A property by its path, ``$.pagination.page``."""
    for part in name.removeprefix("$").strip(".").split("."):
        document = document[part]
    return document
