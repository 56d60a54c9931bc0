"""A hub's look at the stores: a node says in its sign of life that something changed, and is asked what."""

import asyncio
import logging

from maillage.mesh.messages import UNREADABLE, Alive
from maillage.mesh.ports import Unreachable
from maillage.services.compute.carriage.asking import InstanceOwners
from maillage.services.compute.carriage.known import Known
from maillage.services.compute.carriage.messages import SERVICE, InstancesWanted, word_of
from maillage.services.compute.carriage.remote import RemoteHosts

LOOKUPS_MAX = 2_000
"""Deployments that are looked up in the records for one node in a row, whatever it says."""

log = logging.getLogger(__name__)

PAGES_MAX = 1_000
"""Answers in a row after which a node that still has more to say is left until its next sign of life."""


class Watch:
    """``heed`` hears the signs of life of nodes. Use on one event loop."""

    def __init__(self, owners: InstanceOwners, known: Known, hosts: RemoteHosts) -> None:
        self._owners = owners
        self._known = known
        self._hosts = hosts
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._words: dict[str, str] = {}

    def heed(self, node: str, alive: Alive) -> None:
        word = alive.notes.get(SERVICE)
        if word is not None:
            self._words[node] = word
            if node not in self._asking and word != word_of(*self._known.position(node)):
                self._asking[node] = asyncio.get_running_loop().create_task(self._ask(node))
        self._hosts.tell(self._known.doubts(node))

    async def stop(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, node: str) -> None:
        """Until all is known that the node has said there is."""
        lookups = 0
        try:
            for _ in range(PAGES_MAX):
                before = self._known.position(node)
                given = await self._owners.instances(node, InstancesWanted(*before))
                for deployment in self._known.stale(node, given.items):
                    if lookups < LOOKUPS_MAX:
                        lookups += 1
                        await self._known.look_up(deployment)
                self._hosts.tell(self._known.hear_page(node, given))
                now = self._known.position(node)
                if now == before or (not given.more and self._words[node] == word_of(*now)):
                    return
        except Unreachable as fault:
            log.info("%s did not say what changed of its instances: %s", node, fault)
        except UNREADABLE as fault:
            log.warning("what %s says of its instances can't be read: %s", node, fault)
        except Exception:
            log.exception("what %s says of its instances could not be taken over; it will be asked again", node)
        finally:
            del self._asking[node]
