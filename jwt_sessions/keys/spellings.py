"""What no secret may be: half of a key pair, or the name of a file.

Everybody knows the public half; who takes it for an HMAC secret lets anybody sign (RFC 8725 section
2.1). And names of files can be guessed.
"""

from __future__ import annotations

import re
from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from jwt_sessions.exceptions import BadKey
from jwt_sessions.keys.algorithms import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of PEM, JWK and OpenSSH, wherever they begin: before them may stand blanks, a BOM or a comment,
# and around them JSON.
MARKS: Final = re.compile(
    rb'-----BEGIN |"kty\\*"|ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-', re.IGNORECASE
)
FILE_ENDINGS: Final = (b".pem", b".key", b".jwk", b".json", b".secret", b".txt")
URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


def refuse_what_is_no_secret(secret: bytes) -> None:
    """Raise ``BadKey``, or PyJWT's ``InvalidKeyError``, where `secret` means something else."""
    if secret.isspace():
        raise BadKey("it is nothing but blanks")
    if secret.strip().endswith(FILE_ENDINGS):
        raise BadKey('it is the name of a file: such a source is a "file"')
    for spelling in filter(None, _spellings(secret)):
        if MARKS.search(spelling):
            raise BadKey("it is half of a key pair and no secret")
        # It knows a public key in DER.
        ALGORITHMS["HS256"].prepare_key(spelling)


def _spellings(secret: bytes) -> Iterator[bytes]:
    """Yield a secret and what it may be the text of."""
    yield secret
    yield secret.replace(b"\0", b"")  # from UTF-16 or UTF-32 to ASCII
    for decode in (_decode_base64, _decode_hex):
        with suppress(ValueError):
            yield decode(secret)


def _decode_base64(text: bytes) -> bytes:
    return b64decode(text.translate(URL_SAFE) + b"==")


def _decode_hex(text: bytes) -> bytes:
    return bytes.fromhex(text.decode("ascii"))
