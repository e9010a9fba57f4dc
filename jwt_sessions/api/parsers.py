from __future__ import annotations

from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from jwt_sessions.api.errors import BodyTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

# No request of ours needs more than a token and a name. Bytes.
MAX_BODY: Final = 65_536


class SmallJSONParser(JSONParser):
    """JSON of at most 64 KiB; anything else is a 400, whatever it is."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise BodyTooLarge
        try:
            # JSON is UTF-8, whatever charset is declared (RFC 8259 section 8.1).
            context = {**(parser_context or {}), "encoding": "utf-8"}
            return super().parse(BytesIO(body), media_type, context)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
