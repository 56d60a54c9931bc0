"""What a subscription asks for, checked as the schema has it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from maillage.kernel.times import FOREVER, parse_time
from maillage.services.compute.camara.device import Strict
from maillage.services.compute.camara.faults import invalid

_TYPES = "org.camaraproject.edge-application-management.v0"
ENDED = f"{_TYPES}.subscription-ended"
CHANGED = {
    "instance": f"{_TYPES}.app-instance-status-change",
    "deployment": f"{_TYPES}.app-deployment-status-change",
}
EVENTS_MAX = 2_147_483_647
TimeText = Annotated[str, Meta(max_length=64)]


class SinkCredential(Strict, frozen=True):
    credential_type: Literal["ACCESSTOKEN"]
    access_token: Annotated[str, Meta(max_length=4_096, pattern=r"^[!-~]+\Z")]
    access_token_expires_utc: TimeText
    access_token_type: Literal["bearer"]


class SubscriptionConfig(Strict, frozen=True):
    """There is nothing that ``subscriptionDetail`` could say: a subscription is for what it came with."""

    subscription_detail: dict[str, Any]
    subscription_expire_time: TimeText | UnsetType = UNSET
    subscription_max_events: Annotated[int, Meta(ge=1, le=EVENTS_MAX)] | UnsetType = UNSET
    initial_event: bool | UnsetType = UNSET


class SubscriptionRequest(Strict, frozen=True):
    sink: Annotated[str, Meta(max_length=2_048, pattern=r"^https://.+\Z")]
    sink_credential: SinkCredential | UnsetType = UNSET
    types: Annotated[list[str], Meta(min_length=1, max_length=1)] | UnsetType = UNSET
    config: SubscriptionConfig | UnsetType = UNSET


class Terms(msgspec.Struct, frozen=True):
    """Instants are seconds UTC, FOREVER for never; ``token`` is "" where the sink asks for none."""

    type: str
    token: str
    token_ends_at: int
    ends_at: int
    events_max: int
    initial: bool


def checked(request: SubscriptionRequest, subject: Literal["instance", "deployment"]) -> Terms:
    """What is asked for. Fault 400, or Invalid, naming what can't be."""
    kind = CHANGED[subject] if request.types is UNSET else request.types[0]
    if kind not in (CHANGED[subject], ENDED):
        raise invalid("subscriptionRequest.types", f"of an {subject} there are {CHANGED[subject]} and {ENDED}")
    credential, config = request.sink_credential, request.config
    token_ends_at = ends_at = FOREVER
    if credential is not UNSET:
        field = "subscriptionRequest.sinkCredential.accessTokenExpiresUtc"
        token_ends_at = parse_time(credential.access_token_expires_utc, field)
    events_max, initial = EVENTS_MAX, False
    if config is not UNSET:
        if config.subscription_detail:
            raise invalid("subscriptionRequest.config.subscriptionDetail", "has no properties here")
        if config.subscription_expire_time is not UNSET:
            field = "subscriptionRequest.config.subscriptionExpireTime"
            ends_at = parse_time(config.subscription_expire_time, field)
        events_max = EVENTS_MAX if config.subscription_max_events is UNSET else config.subscription_max_events
        initial = config.initial_event is True
    token = "" if credential is UNSET else credential.access_token
    return Terms(kind, token, token_ends_at, ends_at, events_max, initial)
