"""Invocations: a request to an app finds the nearest instance that can answer, and the next one where that is safe.

Safe means that nobody can tell the difference: the instance never began with the request, or the request says of itself
that it may be repeated; and all of its body that was read is at hand to be read again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from maillage.kernel.errors import NotFound, Refusal, SiteUnreachable
from maillage.kernel.geo import km_of_chord, unit_vector
from maillage.kernel.sites import Site
from maillage.services.compute.errors import Busy, CodeFault, NoInstance
from maillage.services.compute.follow.doors import Visit
from maillage.services.compute.model import App, Deployment, Instance
from maillage.services.compute.ports import Inbound, Outbound
from maillage.services.compute.replay import Replayed
from maillage.services.compute.under_way import Given, admitted
from maillage.tenancy.principal import Principal

TRIES_MAX = 3
"""Instances that one request is given to, one after the other."""
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that mean the same done twice as done once (RFC 9110, section 9.2.2)."""
PASSING_FAULTS = frozenset({"trap", "memory", "exit"})
"""Faults that another instance may not have. One that spends its fuel or its time on a request, or answers what is no
answer, does so anywhere, and its tenant pays for each try."""
BODY_S = 60.0
"""How long the whole of a request's body may take to come, while somebody reads it."""
SLACK_S = 1.0
"""Runtimes hold to an instance's ``request_s`` by themselves; so much later whatever still hangs is cut off."""
DEPLOYMENTS_FOR_S = 2.0
"""How long it is remembered how an app is deployed: its points, and whether it is public."""
REMEMBERED_MAX = 10_000

Position = tuple[float, float]
"""Latitude and longitude in degrees."""


class Hosting(Protocol):
    """Where instances run."""

    def ready(self, app_id: str) -> Sequence[Instance]: ...

    async def invoke(self, instance_id: str, request: Inbound) -> Outbound: ...


class Deployed(Protocol):
    """What is known of apps."""

    async def app(self, app_id: str, sees: str | None) -> App:
        """NotFound where there is none, or it is another's."""
        ...

    async def deployments(self, app_id: str) -> Sequence[Deployment]:
        """Those of an app that were not removed; none for an app that does not exist."""
        ...


class Following(Protocol):
    """Sessions that follow their devices."""

    async def bring_called(self, session_id: str, app_id: str) -> None:
        """To be asked first: SessionElsewhere where another process keeps a session of an app."""
        ...

    def home(self, session_id: str, app_id: str) -> Instance | None:
        """The instance that a session of an app lives at; None where there is no such session, or it has no place."""
        ...

    async def come_in(self, session_id: str) -> Visit:
        """Begin a request of a session; waits while the session is on the move, NoInstance where it ended."""
        ...


class Answer(Outbound):
    """``instance`` is the one that gave it."""

    instance: Instance


class Invocations:
    """Use on one event loop."""

    def __init__(
        self,
        hosting: Hosting,
        deployed: Deployed,
        site: Callable[[str], Site | None],
        monotonic: Callable[[], float] = time.monotonic,
        following: Following | None = None,
    ) -> None:
        self._following = following
        self._hosting = hosting
        self._deployed = deployed
        self._site = site
        self._monotonic = monotonic
        self._under_way: Counter[str] = Counter()
        self._remembered: dict[str, tuple[float, Sequence[Deployment]]] = {}

    async def is_public(self, app_id: str, session: str = "") -> bool:
        """Whether an app is there for anybody, also while nothing of it is ready; or a session of it is."""
        if session:
            home = await self._brought_home(session, app_id)
            return home is not None and home.settings.public
        ready = self._hosting.ready(app_id)
        if ready:
            return any(instance.settings.public for instance in ready)
        return any(deployment.settings.public for deployment in await self._deployments(app_id))

    async def invoke(
        self,
        app_id: str,
        request: Inbound,
        near: Position | None = None,
        caller: Principal | None = None,
        session: str = "",
    ) -> Answer:
        """The answer of the nearest instance that is ready. ``near`` is where the caller is; without it the first point
        that the app was deployed near counts. ``caller`` None is somebody without a key, who may call public apps only.
        With a ``session`` it is the answer of the instance where that is.

        NotFound where there is no such app or session, or none for this caller; NoInstance where nothing of it is
        ready; Busy, CodeFault or BodyTooLarge as the last instance had it that was tried.
        """
        if session:
            return await self._of_session(session, app_id, request, caller)
        began = self._monotonic()
        ready = [instance for instance in self._hosting.ready(app_id) if _may_call(instance, caller)]
        if not ready:
            raise await self._nothing(app_id, caller)
        return await self._in_time((await self._nearest_first(app_id, ready, near))[:TRIES_MAX], request, began)

    async def _of_session(self, session: str, app_id: str, request: Inbound, caller: Principal | None) -> Answer:
        """Whoever comes while the session is on the move waits at the door, and counts as under way already."""
        began = self._monotonic()
        home = await self._brought_home(session, app_id)
        if home is None or not _may_call(home, caller) or self._following is None:
            raise NotFound(f"there is no session {session[:64]!r} of {app_id}, or it has no place now")
        with ExitStack() as ending:
            ending.callback(admitted(self._under_way, session, home.limits).end)
            visit = await self._following.come_in(session)
            ending.callback(visit.end)
            here = self._home(session, app_id)
            if here is None or here.id != visit.lease:
                raise NoInstance(f"the session {session[:64]!r} is about to have another place; ask again")
            answer = await self._in_time([here], request, began)
            return Answer(answer.status, answer.headers, Given(answer.body, ending.pop_all().close), here)

    async def _brought_home(self, session: str, app_id: str) -> Instance | None:
        if self._following is not None:
            await self._following.bring_called(session, app_id)
        return self._home(session, app_id)

    async def _in_time(self, candidates: list[Instance], request: Inbound, began: float) -> Answer:
        limit_s = candidates[0].limits.request_s + SLACK_S
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(BODY_S + limit_s) as deadline:
                latest = loop.time() + BODY_S + limit_s

                def ended() -> None:
                    deadline.reschedule(min(latest, loop.time() + limit_s))

                return await self._tried(candidates, request, Replayed(request.body, ended), began)
        except TimeoutError:
            raise CodeFault(f"no answer came within {limit_s:g} s", instance=candidates[0].id, fault="time") from None

    async def _tried(self, candidates: list[Instance], request: Inbound, body: Replayed, began: float) -> Answer:
        for number, instance in enumerate(candidates, 1):
            since = self._monotonic()
            try:
                answer = await self._once(instance, request, body)
            except Refusal as refusal:
                if number == len(candidates) or not _may_repeat(request.method, refusal, body):
                    raise _told(refusal) from None
                continue
            now = self._monotonic()
            answer.headers.append(("server-timing", _timing(since - began, now - since, number)))
            return answer
        raise AssertionError("there is always a candidate")

    async def _once(self, instance: Instance, request: Inbound, body: Replayed) -> Answer:
        limits = instance.limits
        under_way = admitted(self._under_way, instance.id, limits)
        try:
            given = await self._hosting.invoke(
                instance.id,
                Inbound(request.method, request.path, request.query, request.headers, body.read(limits.request_bytes)),
            )
        except BaseException:
            under_way.end()
            raise
        headers = [(name, value) for name, value in given.headers if not name.lower().startswith("x-maillage-")]
        headers += [("x-maillage-site", instance.site), ("x-maillage-instance", instance.id)]
        return Answer(given.status, headers, Given(given.body, under_way.end), instance)

    # -- which instance ------------------------------------------------------------------------------------------

    def _home(self, session: str, app_id: str) -> Instance | None:
        return None if self._following is None else self._following.home(session, app_id)

    async def _nearest_first(self, app_id: str, ready: list[Instance], near: Position | None) -> list[Instance]:
        """By distance to whole hectometres; among the equal, whoever has least to do."""
        if len(ready) == 1:
            return ready
        first = {} if near is not None else await self._first_points(app_id)

        def key(instance: Instance) -> tuple[float, int]:
            to = near or first.get(instance.deployment)
            return self._km(instance.site, to), self._under_way[instance.id]

        return sorted(ready, key=key)

    def _km(self, site_id: str, to: Position | None) -> float:
        site = self._site(site_id)
        if to is None or site is None:
            return 0.0 if to is None else float("inf")
        one, other = unit_vector(site.lat, site.lon), unit_vector(*to)
        chord = sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        return round(km_of_chord(chord), 1)

    async def _first_points(self, app_id: str) -> dict[str, Position]:
        deployments = await self._deployments(app_id)
        return {one.id: one.placement.points[0] for one in deployments if one.placement.points}

    async def _nothing(self, app_id: str, caller: Principal | None) -> Refusal:
        """Why nothing is ready for the caller, telling nobody what is another's."""
        if not await self.is_public(app_id):
            if caller is None:
                return NotFound(f"there is no app {app_id[:140]!r}, or it is not public")
            await self._deployed.app(app_id, caller.sees)
        return NoInstance(f"no instance of {app_id} is ready")

    async def _deployments(self, app_id: str) -> Sequence[Deployment]:
        now = self._monotonic()
        until, known = self._remembered.get(app_id, (0.0, ()))
        if now >= until:
            known = await self._deployed.deployments(app_id)
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[app_id] = (now + DEPLOYMENTS_FOR_S, known)
        return known


def _may_call(instance: Instance, caller: Principal | None) -> bool:
    if instance.settings.public:
        return True
    return caller is not None and caller.sees in (None, instance.tenant)


def _may_repeat(method: str, refusal: Refusal, body: Replayed) -> bool:
    if not body.is_whole:
        return False
    if isinstance(refusal, Busy | NotFound | NoInstance):
        return True  # it was never begun
    if isinstance(refusal, SiteUnreachable):
        return refusal.extra.get("asked") is False or method in REPEATABLE
    return isinstance(refusal, CodeFault) and refusal.extra.get("fault") in PASSING_FAULTS and method in REPEATABLE


def _told(refusal: Refusal) -> Refusal:
    """An instance that is gone means nothing to a caller, who asked for an app."""
    return NoInstance(refusal.detail) if isinstance(refusal, NotFound) else refusal


def _timing(find_s: float, app_s: float, tries: int) -> str:
    """Milliseconds until an instance was chosen (and others were tried), and until its answer began."""
    tried = f', tries;desc="{tries}"' if tries > 1 else ""
    return f"find;dur={find_s * 1_000:.2f}, app;dur={app_s * 1_000:.2f}{tried}"
