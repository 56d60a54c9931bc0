"""A session's state while it moves: which keys were written since they were last copied."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from threading import Lock

import msgspec

from maillage.kernel.errors import NoCapacity
from maillage.kernel.leases import site_of
from maillage.services.compute.ports import KeyValues


class Changes(msgspec.Struct, frozen=True):
    """What has to be copied: keys by the number of their last change, in that order. ``mark`` names the account that
    the numbers are of; ``newest`` is its last number."""

    mark: str
    newest: int
    keys: list[tuple[int, str]]


class _Account:
    """Of one lease, since it began to be copied: the last change of each key, in the order of change."""

    def __init__(self, following: str) -> None:
        self.following = following
        self.mark = secrets.token_hex(8)
        self.newest = 0
        self.numbers: dict[str, int] = {}
        self.taken = 0

    def note(self, key: str) -> None:
        self.newest += 1
        self.numbers.pop(key, None)
        self.numbers[key] = self.newest

    def after(self, number: int) -> list[tuple[int, str]]:
        found = []
        for key, changed in reversed(self.numbers.items()):
            if changed <= number:
                break
            found.append((changed, key))
        return found[::-1]


class TrackedValues:
    """Key-value store that can tell what changed. All writes to sessions' values go through it, from any thread.

    A lease is copied to one other at a time: its account of changes begins anew with another.
    """

    def __init__(self, values: KeyValues) -> None:
        self._values = values
        self._lock = Lock()
        self._accounts: dict[str, _Account] = {}

    def get(self, lease: str, key: str) -> bytes | None:
        return self._values.get(lease, key)

    def put(self, lease: str, key: str, value: bytes | None, stored_bytes_max: int) -> bool:
        done = self._values.put(lease, key, value, stored_bytes_max)
        with self._lock:  # after the write: noted before it, a copy might take the note and read the old value
            account = self._accounts.get(lease)
            if account is not None:
                account.note(key)
        return done

    def items(self, lease: str) -> list[tuple[str, bytes]]:
        return self._values.items(lease)

    def keys(self, lease: str) -> list[str]:
        return self._values.keys(lease)

    def leases(self) -> list[str]:
        return self._values.leases()

    def drop(self, lease: str) -> None:
        self._values.drop(lease)
        with self._lock:
            self._accounts.pop(lease, None)

    # -- what changed --------------------------------------------------------------------------------------------

    def take_changes(self, lease: str, following: str) -> list[tuple[str, bytes | None]]:
        """What has to be copied to another lease: everything the first time, then what was written since the last.
        None stands for a key that is gone."""
        with self._lock:
            account = self._accounts.get(lease)
            if account is not None and account.following == following:
                changed = sorted(key for _, key in account.after(account.taken))
                account.taken = account.newest
            else:
                self._accounts[lease] = _Account(following)
                changed = None
        if changed is None:
            return list(self.items(lease))
        return [(key, self.get(lease, key)) for key in changed]

    def begin_changes(self, lease: str, following: str) -> Changes:
        """Everything there is, with numbers by which what changes from now on can be asked for."""
        with self._lock:
            account = self._accounts[lease] = _Account(following)
        there = self.keys(lease)  # only now: what is written from here on is noted
        with self._lock:
            for key in there:
                if key not in account.numbers:
                    account.note(key)
            return Changes(account.mark, account.newest, account.after(0))

    def changes(self, lease: str, mark: str, after: int) -> Changes | None:
        """What was written since the change of a number; None where the account of that mark was lost."""
        with self._lock:
            account = self._accounts.get(lease)
            if account is None or account.mark != mark:
                return None
            return Changes(mark, account.newest, account.after(after))

    # -- as States: both leases are kept here ----------------------------------------------------------------------

    async def copy(self, former: str, following: str, bytes_max: int) -> int:
        return await asyncio.to_thread(copy_changes, self, former, self, following, bytes_max)

    async def forget(self, lease: str) -> None:
        await asyncio.to_thread(self.drop, lease)

    async def kept_here(self) -> Sequence[str]:
        return await asyncio.to_thread(self.leases)


class StatesOfStores:
    """``follow.ports.States`` where each store has its own values."""

    def __init__(self, values: Callable[[str], TrackedValues]) -> None:
        self._values = values

    async def copy(self, former: str, following: str, bytes_max: int) -> int:
        source, target = self._values(site_of(former)), self._values(site_of(following))
        return await asyncio.to_thread(copy_changes, source, former, target, following, bytes_max)

    async def forget(self, lease: str) -> None:
        await self._values(site_of(lease)).forget(lease)

    async def kept_here(self) -> Sequence[str]:
        """None: each store looks after its own."""
        return ()


def copy_changes(source: TrackedValues, lease: str, target: TrackedValues, following: str, bytes_max: int) -> int:
    """Bring the state at ``following`` up to that of ``lease``; how many bytes of keys and values were written.

    NoCapacity where the target would have to store more than it may.
    """
    changes = source.take_changes(lease, following)
    # What became smaller makes room for what grew: only what then still does not fit is too much.
    refused = [each for each in changes if not target.put(following, *each, bytes_max)]
    if not all(target.put(following, *each, bytes_max) for each in refused):
        raise NoCapacity(f"the state of lease {lease} is more than the {bytes_max:,} bytes that {following} may store")
    return sum(len(key.encode()) + len(value or b"") for key, value in changes)
