"""Asking the owner of a site about instances, and knowing what an answer that does not come means."""

from typing import TypeVar

import msgspec

from maillage.kernel.errors import SiteUnreachable
from maillage.kernel.sites import HOLDING
from maillage.mesh.asking import Headers, out_of_reach
from maillage.mesh.directory import Directory
from maillage.mesh.messages import UNREADABLE
from maillage.mesh.ports import Bus, Unreachable
from maillage.services.compute.carriage.messages import (
    InstancesGiven,
    InstancesWanted,
    RunRequest,
    SiteRequest,
    answer_of,
    compute_subject,
    instances_subject,
    packed,
    run_subject,
)

ASK_TIMEOUT_S = 5.0
"""For a node to write an instance down, or to read a log: it fetches code only after it has answered."""

T = TypeVar("T")
_instances = msgspec.msgpack.Decoder(InstancesGiven)


class InstanceOwners:
    """Nobody but the node that the directory says owns a site is asked about it."""

    def __init__(self, bus: Bus, directory: Directory, headers: Headers) -> None:
        self._bus = bus
        self._directory = directory
        self._headers = headers

    async def ask(self, site: str, request: SiteRequest | RunRequest, answer: type[T], timeout_s: float) -> T:
        """What the owner answers; its refusals are raised. SiteUnreachable where no answer came, or none that can be
        read: then the request may have been done or not, unless the refusal says ``asked: false``."""
        node = self._directory.owner(site)
        if node is None or HOLDING in site or not self._directory.is_reachable(node):
            raise SiteUnreachable(
                f"the store of {site[:64]} is out of reach, so it was not asked; try later", site=site[:64], asked=False
            )
        subject = run_subject(site) if isinstance(request, RunRequest) else compute_subject(site)
        try:
            body = await self._bus.request(subject, packed(request), timeout_s, self._headers())
        except Unreachable:
            self._directory.lost(node)
            raise out_of_reach(site) from None
        try:
            return answer_of(body, answer)
        except UNREADABLE:
            raise out_of_reach(site) from None

    async def instances(self, node: str, wanted: InstancesWanted) -> InstancesGiven:
        """What a node says of its instances. Unreachable, or one of ``UNREADABLE``, where there is no such answer."""
        return _instances.decode(await self._bus.request(instances_subject(node), packed(wanted), ASK_TIMEOUT_S))
