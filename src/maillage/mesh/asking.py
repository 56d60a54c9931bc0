"""Asking the owner of a site, over the bus, and knowing what an answer that does not come means."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from maillage.kernel.errors import Category, Refusal, SiteUnreachable
from maillage.kernel.sites import store_of
from maillage.mesh.directory import Directory
from maillage.mesh.messages import UNREADABLE, Done, Refused, SiteRequest, lease_subject
from maillage.mesh.ports import Bus, Unreachable

ATTEMPT_TIMEOUT_S = 2.0
"""For one owner to answer: many times what a commit on a slow disk and a slow line take."""

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_answers = msgspec.json.Decoder(Done | Refused)

Headers = Callable[[], dict[str, str]]


class Owners:
    """``acknowledged`` says for each node up to where its answers rest on its journal."""

    def __init__(self, bus: Bus, directory: Directory, headers: Headers) -> None:
        self._bus = bus
        self._directory = directory
        self._headers = headers
        self.acknowledged: dict[str, int] = {}

    async def ask(self, site: str, request: SiteRequest, answer: type[T], timeout_s: float = ATTEMPT_TIMEOUT_S) -> T:
        """What the owner answers; its refusals are raised. SiteUnreachable where no answer came, or none that can be
        read: then the request may have been done or not, unless the refusal says ``asked: false``."""
        node = self._directory.owner(site)
        if node is None or not self._directory.is_reachable(node):
            raise SiteUnreachable(
                f"{store_of(site)} is out of reach, so it was not asked; try later, or another site",
                site=store_of(site),
                asked=False,
            )
        body = _encoder.encode(request)
        try:
            said = await self._bus.request(lease_subject(site), body, timeout_s, self._headers())
        except Unreachable:
            self._directory.lost(node)
            raise out_of_reach(site) from None
        try:
            reply: Done | Refused = _answers.decode(said)
            if isinstance(reply, Refused):
                refusal = reply.refusal()
            else:
                document = msgspec.json.decode(reply.document, type=answer)
        except UNREADABLE:
            raise out_of_reach(site) from None
        if isinstance(reply, Refused):
            raise refusal
        self.acknowledged[node] = max(self.acknowledged.get(node, 0), reply.end)
        return document

    async def ask_each(
        self, work: Mapping[str, SiteRequest], answer: type[T], at_once: int
    ) -> dict[str, T | Exception]:
        """Ask many owners side by side; per site the answer or what was raised instead."""
        room = asyncio.Semaphore(at_once)

        async def one(site: str, request: SiteRequest) -> T | Exception:
            async with room:
                try:
                    return await self.ask(site, request, answer)
                except Exception as fault:
                    return fault

        answers = await asyncio.gather(*(one(*item) for item in work.items()))
        return dict(zip(work, answers, strict=True))


def out_of_reach(site: str) -> SiteUnreachable:
    """The refusal for a site whose owner does not answer."""
    return SiteUnreachable(
        f"{store_of(site)} did not answer, so it may or may not have been done there; the same again, with the same "
        "idempotency key, finds out",
        site=store_of(site),
        asked=True,
    )


def is_doubtful(refusal: Refusal) -> bool:
    """Whether what was asked may have been done in spite of the refusal."""
    return refusal.category is Category.UNAVAILABLE and refusal.extra.get("asked", True) is True
