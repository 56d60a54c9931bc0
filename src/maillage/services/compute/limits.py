"""What an instance may use, from what its lease has and how its deployment wants it to run."""

from collections.abc import Mapping

from maillage.kernel.errors import Invalid
from maillage.services.compute.model import CodeKind, Limits, Settings, Version

CPU, MEMORY, DISK = "cpu", "memory", "disk"
THOUSANDTHS = 1_000
MIB, GIB = 1 << 20, 1 << 30

MEMORY_BYTES_DEFAULT = 64 * MIB
"""Where a lease has no memory: enough for every toolchain that was tried (Python's starts with 12 MiB)."""
STORED_BYTES_DEFAULT = 4 * MIB
"""Where a lease has no disk: some state for a handler, and nothing that a store would notice."""
FUEL_PER_CORE_S = 15_000_000_000
"""Units of fuel that a core spends in a second on the densest code that was measured (loads and stores in a loop: 8 to
15 thousand million; additions: 5 to 6; divisions of floats: 0.5). So fuel ends what time should have ended, never
sooner."""
WASM_PER_CORE = 1
"""Requests that run at once: each has a thread and a memory of its own, and more than cores would only be slower."""
IMAGE_PER_CORE = 32
"""A container shares its memory among its requests, and most of them wait for something at any time."""
WAITING_PER_RUNNING = 64
"""Room for the burst after a pause; what would wait longer than a request may take had better be refused."""
WAITING_MAX = 1_024
REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX = 8 * MIB, 32 * MIB
"""Bodies are in a component's memory as a whole; a quarter of it, or half, is the most that they may take."""
IMAGE_BODY_BYTES_MAX = GIB
"""A container takes and gives them piece by piece."""


def limits_of(needs: Mapping[str, int], settings: Settings, kind: CodeKind, where: str = "needs") -> Limits:
    """``needs`` are a lease's, in thousandths. Invalid, with ``where`` as its field, where there is no cpu in it."""
    cpu = needs.get(CPU, 0)
    if cpu <= 0:
        has = ", ".join(sorted(needs)) or "nothing"
        raise Invalid(where, f"code needs a lease that has cpu, and this one has {has}; 'cpu': 0.5 would work")
    memory = needs.get(MEMORY, 0) * GIB // THOUSANDTHS or MEMORY_BYTES_DEFAULT
    cores = max(1, -(-cpu // THOUSANDTHS))
    concurrency = cores * (IMAGE_PER_CORE if kind == "image" else WASM_PER_CORE)
    return Limits(
        cpu=cpu,
        memory_bytes=memory,
        concurrency=concurrency,
        waiting=min(concurrency * WAITING_PER_RUNNING, WAITING_MAX),
        request_s=settings.request_s,
        request_bytes=IMAGE_BODY_BYTES_MAX if kind == "image" else min(memory // 4, REQUEST_BYTES_MAX),
        response_bytes=IMAGE_BODY_BYTES_MAX if kind == "image" else min(memory // 2, RESPONSE_BYTES_MAX),
        fuel_per_request=int(FUEL_PER_CORE_S * settings.request_s * min(cpu, THOUSANDTHS) / THOUSANDTHS),
        stored_bytes=needs.get(DISK, 0) * GIB // THOUSANDTHS or STORED_BYTES_DEFAULT,
    )


def require_memory(version: Version, limits: Limits, where: str = "needs") -> None:
    """Invalid where the version starts with more memory than the lease has."""
    if version.needs_memory_bytes > limits.memory_bytes:
        least = -(-version.needs_memory_bytes * THOUSANDTHS // GIB) / THOUSANDTHS
        raise Invalid(
            where,
            f"{version.digest[:19]} starts with {version.needs_memory_bytes:,} bytes of memory and would have "
            f"{limits.memory_bytes:,}; 'memory': {least:g} would work",
        )
