"""Requests as the routes behind the gate see them."""

from functools import lru_cache
from typing import Any

import msgspec
from litestar import Request

from maillage.faces.http.answers import decoded


class DocumentRequest(Request[Any, Any, Any]):
    """A body is decoded straight into the document that its route names: as strictly as on the hot routes, where
    Litestar by itself would take ``"5"`` for a number and stumble over brackets nested without end."""

    async def json(self) -> Any:
        field = self.route_handler.parsed_data_field
        return decoded(_decoder(Any if field is None else field.annotation), await self.body())


@lru_cache(maxsize=64)
def _decoder(document: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(document)
