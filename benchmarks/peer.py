"""The peer of ``http``: leases with FastAPI, pydantic and asyncpg, as one would write them for PostgreSQL.

What it is told comes by the environment: the database, the one API key, and the hour that slot 0 stands for.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from benchmarks.slots import Full, Interval, take_slots

POOL = 16
"""Connections to the database; 8 and 32 are no faster."""
TENANTS = {sha256(os.environ["PEER_KEY"].encode()).digest(): "operator"}
FIRST_S = int(os.environ["PEER_FIRST_S"])
KNOWN_LEASE = "SELECT id FROM leases WHERE key = $1 AND (site, first, beyond, cpu, memory) = ($2, $3, $4, $5, $6)"

Amount = Annotated[Decimal, Field(gt=0, max_digits=16, decimal_places=3)]


class Needs(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cpu: Amount
    memory: Amount


class Ask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    needs: Needs
    start: AwareDatetime
    end: AwareDatetime
    site: Annotated[str, Field(pattern=r"^s\d{1,9}$")]


class Lease(BaseModel):
    id: int
    tenant: str
    site: str
    needs: Needs
    start: datetime
    end: datetime
    state: Literal["confirmed"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with asyncpg.create_pool(
        os.environ["PEER_DSN"], min_size=POOL, max_size=POOL, server_settings={"jit": "off"}
    ) as pool:
        yield {"pool": pool}


app = FastAPI(lifespan=lifespan)


async def tenant_of(authorization: Annotated[str, Header()] = "") -> str:
    tenant = TENANTS.get(sha256(authorization.removeprefix("Bearer ").encode()).digest())
    if tenant is None:
        raise HTTPException(401)
    return tenant


@app.post("/v1/leases", status_code=201)
async def lease(
    ask: Ask,
    request: Request,
    tenant: Annotated[str, Depends(tenant_of)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
) -> Lease:
    wanted = Interval(
        int(ask.site[1:]),
        _slot(ask.start),
        _slot(ask.end),
        int(ask.needs.cpu * 1000),
        int(ask.needs.memory * 1000),
    )
    async with request.state.pool.acquire() as connection:
        try:
            number = await take_slots(connection, wanted, idempotency_key)
        except Full:
            raise HTTPException(409) from None
        except asyncpg.UniqueViolationError:  # the key was granted before
            number = await connection.fetchval(KNOWN_LEASE, idempotency_key, *wanted)
            if number is None:
                raise HTTPException(422) from None
    return Lease(
        id=number, tenant=tenant, site=ask.site, needs=ask.needs, start=ask.start, end=ask.end, state="confirmed"
    )


def _slot(instant: datetime) -> int:
    slot, beside = divmod(int(instant.timestamp()) - FIRST_S, 3600)
    if beside:
        raise HTTPException(422)
    return slot
