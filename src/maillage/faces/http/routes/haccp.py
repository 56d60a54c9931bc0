"""The HACCP log of a site: to look at, to hand out, to check, and to enter what was measured by hand."""

from typing import Annotated, Literal

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from maillage.faces.http.routes.parameters import PAGE_DEFAULT, Caller, Cursor, Limit, TheChain
from maillage.kernel.times import parse_time
from maillage.services.sensing.coldchain.documents import Check, EntryDocument, EntryDocuments
from maillage.services.sensing.coldchain.haccp.checking import Verdict

Time = Annotated[str | None, QueryParameter(max_length=64, description="RFC 3339")]


@get("/v1/haccp/{site:str}", summary="The HACCP log of a site: in pages, or as a file (CSV, PDF)")
async def get_haccp(
    site: FromPath[str],
    chain: TheChain,
    principal: Caller,
    start: Time = None,
    end: Time = None,
    form: Annotated[
        Literal["json", "csv", "pdf"],
        QueryParameter(name="format", description="a file holds the whole period; a PDF the last 31 days unless given"),
    ] = "json",
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
) -> Response[EntryDocuments]:
    principal.require_staff()
    log = chain.sensing.coldchain.haccp
    first = None if start is None else parse_time(start, "start")
    last = None if end is None else parse_time(end, "end")
    if form == "json":
        return Response(await log.entries(site, first, last, cursor, limit))
    body = await (log.csv(site, first, last) if form == "csv" else log.pdf(site, first, last))
    await chain.audit.done(principal, "haccp.export", site, form)
    kind = "text/csv" if form == "csv" else "application/pdf"
    named = {"content-disposition": f'attachment; filename="haccp-{site}.{form}"'}
    return Response(body, media_type=kind, headers=named)  # type: ignore[arg-type]


@post("/v1/haccp/{site:str}", summary="Enter a temperature taken by hand, or a calibration")
async def enter_check(site: FromPath[str], data: JSONBody[Check], chain: TheChain, principal: Caller) -> EntryDocument:
    principal.require_staff()
    document = await chain.sensing.coldchain.check(site, data, principal.credential)
    await chain.audit.done(principal, "haccp.check", site, f"{data.kind} of {data.unit} by {data.by}")
    return document


@get("/v1/haccp/{site:str}/verify", summary="Whether the log is whole, held against the store's journal")
async def verify_haccp(site: FromPath[str], chain: TheChain, principal: Caller) -> Verdict:
    principal.require_staff()
    return await chain.sensing.coldchain.haccp.verify(site)


HANDLERS = [get_haccp, enter_check, verify_haccp]
