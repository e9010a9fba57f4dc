"""The public keys, for whoever verifies our access tokens without us."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING

from django.http import HttpResponse, JsonResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from jwt_sessions.autocommit import in_autocommit
from jwt_sessions.conf import conf
from jwt_sessions.exceptions import BadKey
from jwt_sessions.http_errors import ServiceUnavailable
from jwt_sessions.keys import get_keyring

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/jwk-set+json"  # RFC 7517 section 8.5.2


@in_autocommit
@require_safe
def jwks(request: HttpRequest) -> HttpResponseBase:
    """Answer with the JWKS (RFC 7517 section 5): every public key that verifies or will sign.

    A secret is never among them. 304 to a caller whose copy is the same, 503 where the keys cannot
    be read.
    """
    try:
        keys = get_keyring().jwks(time.time())
    except BadKey:
        logger.exception("the keys cannot be published")
        return _unavailable()
    body = json.dumps(keys).encode()
    response = HttpResponse(body, content_type=CONTENT_TYPE)
    max_age = int(conf.JWKS_MAX_AGE.total_seconds())
    response["Cache-Control"] = f"public, max-age={max_age}"
    response["ETag"] = etag = quote_etag(hashlib.sha256(body).hexdigest())
    return get_conditional_response(request, etag=etag, response=response) or response


def _unavailable() -> HttpResponse:
    error = ServiceUnavailable()
    headers = {"Retry-After": str(error.wait), "Cache-Control": "no-store"}
    return JsonResponse(error.detail, status=error.status_code, headers=headers)
