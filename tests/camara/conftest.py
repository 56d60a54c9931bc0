"""The steps of CAMARA's scenarios that put a request together. What they mean is theirs; how it is done is ours."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pytest_bdd import parsers, step

from tests.camara import schemas
from tests.camara.exchange import MISFITS, NONE, Exchange
from tests.camara.world import TENANT, UNKNOWN, UNSERVED, World, malformed, served, served_by_a_hub, stranger

NO_CLUSTERS = "not applicable: no zone here has Kubernetes clusters"


def pytest_bdd_apply_tag(tag: str, function: Any) -> bool:
    """The files' tags name scenarios; they are no marks of ours."""
    return True


@pytest.fixture(scope="session", autouse=True, params=["up", pytest.param("hub", marks=pytest.mark.long)])
def door(request: pytest.FixtureRequest) -> str:
    """Who answers: a chain of one process, or a hub whose stores are nodes' of their own."""
    return str(request.param)


@pytest.fixture(scope="session")
def world(door: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (served if door == "up" else served_by_a_hub)(tmp_path_factory.mktemp("camara")) as one:
        yield one


@pytest.fixture
def exchange(world: World) -> Exchange:
    return Exchange(world)


def says(pattern: str) -> Any:
    """A step by what it says; the same words may come as a Given, a When or a Then."""
    return step(parsers.re(pattern, flags=re.IGNORECASE))


# -- where, and by whom ------------------------------------------------------------------------------------------------


@says(r'an environment at "apiRoot"')
def environment(world: World) -> None:
    assert world.client.get("/healthz").status_code == 200


@says(r'the resource "(?P<resource>[^"]+)"[\s|]*')
def resource(exchange: Exchange, resource: str) -> None:
    exchange.resource = resource


@says(r'the header "Content-Type" is set to "(?P<kind>[^"]+)"')
def content_type(exchange: Exchange, kind: str) -> None:
    exchange.headers["Content-Type"] = kind


@says(r'the header "x-correlator" complies with the schema at "(?P<pointer>[^"]+)"')
def correlator(exchange: Exchange, pointer: str) -> None:
    exchange.headers["x-correlator"] = str(uuid4())
    schemas.require(exchange.headers["x-correlator"], exchange.api.schema(pointer), "x-correlator")


@says(r'the header "Authorization" is (?P<how>set to .*|not included|not present|removed)')
def authorization(exchange: Exchange, how: str) -> None:
    world, every = exchange.world, exchange.world.every_scope()
    exchange.headers.pop("Authorization", None)
    if not how.startswith("set to"):
        return
    if "expired" in how:
        token = world.expired()
    elif "malformed" in how:
        token = malformed()
    elif "invalid" in how:
        token = f"{world.token(every)}x"
    elif "scope" in how:
        token = world.token({"openid"})
    elif "3-legged" in how or ("identif" in how and "not identify" not in how):
        token = _three_legged(exchange)
    else:
        token = world.token(every)
    exchange.headers["Authorization"] = f"Bearer {token}"


@says(r"a 2-legged or 3-legged access token is being used")
@says(r"that the service is not available for all devices commercialized by the operator")
@says(r"that some types of device identifiers are not supported by the implementation")
def either_token(exchange: Exchange) -> None:
    assert exchange.headers["Authorization"].startswith("Bearer ")


# -- the body as a whole -----------------------------------------------------------------------------------------------


@says(r"the request body is (set by default to a request body )?compliant with .*")
@says(r"the request body is set to a valid request body")
@says(r"a valid application profile request body.*")
@says(r"A valid application to be submitted")
@says(r"the device is (identified|provided|included) (in|by) the request body.*")
@says(r"a valid device identifier in the system")
@says(r"a valid testing device supported by the service, identified by the token or provided in the request body")
@says(r"the testing device is connected to a mobile network")
@says(r"a valid applicationProfileId is provided")
def default_body_is_sent(exchange: Exchange) -> None:
    assert exchange.fits


@says(r"the request body is (set to any value which is )?not compliant with .*")
def wrong_body(exchange: Exchange) -> None:
    """Each of several ways not to be."""
    exchange.fits = False
    exchange.variants = [
        lambda _: "text",
        lambda _: [],
        lambda _: None,
        lambda body: {**body, "undeclared": True},
        lambda body: dict.fromkeys(body),
    ]


@says(r"the request body is not included")
def no_body(exchange: Exchange) -> None:
    exchange.fits = False
    exchange.changes.append(lambda _: NONE)


@says(r"the request body is set to \{\}")
def empty_body(exchange: Exchange) -> None:
    exchange.fits = False
    exchange.changes.append(lambda _: {})


# -- one property of the body ------------------------------------------------------------------------------------------


@says(r'the request body property "<required_property>" is set to \{\}')
def each_required_empty(exchange: Exchange) -> None:
    """Once for every property that is required."""
    exchange.fits = False

    def emptied(name: str) -> Any:
        return lambda body: {**body, name: {}}

    operations = exchange.api.operations.values()
    bodies = [one.body_schema for one in operations if exchange.resource.endswith(one.template) and one.body_schema]
    exchange.variants = [emptied(name) for name in bodies[0]["required"]]


@says(r'the request body property "(?P<name>\$[^"]+)" is set to (?P<what>(?!the same|an existing|:? ?\{\}).*)')
def property_is_valid(exchange: Exchange, name: str, what: str) -> None:
    if "kubernetes cluster" in what:
        pytest.skip(NO_CLUSTERS)
    assert exchange.fits, "the default body has a valid value for it"


@says(r'the request body property "(?P<name>\$[^"<]+)" is set to:? ?\{\}')
def property_is_empty(exchange: Exchange, name: str) -> None:
    exchange.fits = False
    exchange.change(name, {})


@says(r'the request body property "(?P<name>\$[^"]+)" does not comply with .*')
def property_misfits(exchange: Exchange, name: str) -> None:
    exchange.fits = False
    exchange.change(name, MISFITS[name.rpartition(".")[2]])


@says(r'the request body property "(?P<name>\$[^"]+)" is set to (the same version|an existing).*')
def property_of_submitted(exchange: Exchange, name: str) -> None:
    exchange.change(name, exchange.submitted[name.removeprefix("$.")])


@says(r'the request body property "\$\.device" is not included')
@says(r"No identifier\(s\) are provided and cannot be derived from any 3-legged access token")
def no_device(exchange: Exchange) -> None:
    exchange.drop("device")


@says(r'the request body property "\$\.device" is compliant with .* (but|does not) .*')
@says(r"a non-existing device identifier")
def unknown_device(exchange: Exchange) -> None:
    exchange.change("device", exchange.world.device(UNKNOWN))


@says(r'the request body property "\$\.device" only includes device identifiers not supported by .*')
def unsupported_device(exchange: Exchange) -> None:
    exchange.change("device", {"phoneNumber": "+123456789"})


@says(r'the request body property "\$\.applicationEndpointsId" is compliant with the schema but does not identify .*')
def unknown_list(exchange: Exchange) -> None:
    exchange.drop("appId")
    exchange.change("applicationEndpointsId", stranger())


# -- parameters --------------------------------------------------------------------------------------------------------


@says(r'the (request )?(path|query) parameter "(\$\.)?(?P<name>\w+)" is set to (?P<what>.*)')
def parameter(exchange: Exchange, name: str, what: str) -> None:
    if re.search(r"random|unknown|non-existing|\binvalid application", what):
        exchange.parameter(name, stranger())
    elif "invalid" in what:
        exchange.fits = False
        exchange.parameter(name, "0")
    elif name in ("page", "perPage"):
        exchange.parameter(name, "2" if name == "page" else "1")
    elif name in ("countryCode", "edgeCloudProvider", "status"):
        field = "edgeCloudZoneStatus" if name == "status" else name
        exchange.parameter(name, str(exchange.world.zones()[0][field]))
    elif name not in exchange.given:
        exchange.parameter(name, None)


# -- what there is -----------------------------------------------------------------------------------------------------


@says(r"an application has already been submitted.*")
@says(r"there (is|are) (an|at least one|several) (existing )?applications? submitted.*")
@says(r"a request body referencing an already submitted application")
def submitted(exchange: Exchange) -> None:
    exchange.submitted = exchange.world.manifest()
    app = exchange.world.app(exchange.submitted)
    if exchange.resource.endswith("{appId}"):
        exchange.parameter("appId", app)
    elif exchange.resource.endswith(("/app-instances", "/deployments")):
        exchange.change("appId", app)


@says(r"there (is|are) (an? |at least one )?(running |existing )?(application |app )?instances? .*")
@says(r"the application has instances up and running")
@says(r"the request body includes an appId parameter that identifies an application deployed on the platform")
def instances_run(exchange: Exchange) -> None:
    _, instance = exchange.world.running()
    assert exchange.world.until_ready(instance)["status"] == "ready"
    exchange.runs = True


@says(r"there are no (running )?(application |app )?instances.*")
def no_instances_run(exchange: Exchange) -> None:
    exchange.runs = False


@says(r"there (is|are) (an? |at least one )?(existing |running )?(application |app )?deployments?.*")
@says(r"an? (application |app )?deployment has already been created.*")
def deployment_is_there(exchange: Exchange) -> None:
    exchange.world.deployment(exchange.world.running()[0])


@says(r'Application instance with "\$\.name" and "\$\.appId" is already running in "\$\.edgeCloudZoneId"')
def same_instance_runs(exchange: Exchange) -> None:
    _, instance = exchange.world.running()
    found = exchange.world.until_ready(instance)
    for name in ("name", "appId", "edgeCloudZoneId"):
        exchange.change(name, found[name])


@says(r"there are (at least one|more) Edge Cloud Zones available.*")
def zones_are_there(world: World) -> None:
    assert len(world.zones()) > 1


@says(r"there are Edge Cloud Zones available with different statuses")
def statuses_differ(world: World) -> None:
    assert {zone["edgeCloudZoneStatus"] for zone in world.zones()} == {"active", "inactive"}


@says(r"valid filter parameters for edge discovery")
def filtered(exchange: Exchange) -> None:
    exchange.change("edgeCloudRegion", "Ozarks")


@says(r"the device is identified in the 3-legged access token")
def by_token(exchange: Exchange) -> None:
    exchange.headers["Authorization"] = f"Bearer {_three_legged(exchange)}"
    exchange.drop("device")


@says(r"that the device cannot be identified from the access token")
def not_by_token(exchange: Exchange) -> None:
    exchange.headers["Authorization"] = f"Bearer {exchange.world.token(exchange.world.every_scope())}"


@says(r"the identified device is not connected to an edge-supporting network")
@says(r"a valid device, identified by the token or provided in the request body, for which .* not applicable")
def device_without_edge(exchange: Exchange) -> None:
    exchange.change("device", exchange.world.device(UNSERVED))


# -- sending -----------------------------------------------------------------------------------------------------------


@says(r'the (HTTP \w+ )?request "(?P<operation>\w+)" is sent( with .*)?')
def request_is_sent(exchange: Exchange, operation: str) -> None:
    """At the first look at the answer: some scenarios say what is in a request after they say that it is sent."""
    exchange.operation_id = operation


def _three_legged(exchange: Exchange) -> str:
    return exchange.world.token(exchange.world.every_scope(), device_address="198.51.100.20", sub=f"user of {TENANT}")
