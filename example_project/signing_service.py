"""A key that the site never holds: what a KMS or an HSM is, in small.

Run it beside the site, ``python -m example_project.signing_service /tmp/signer.sock``, and set

    SIGNING_KEYS = [{"signer": "example_project.signing_service.RemoteSigner"}]

with the socket's path in the environment variable SIGNING_SERVICE.
"""

import os
import sys
from multiprocessing.connection import Client, Listener

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

ALGORITHM = "ES256"
# What is asked for the public key; no token is an empty message.
PUBLIC_KEY = b""
PATIENCE = 2  # seconds


class RemoteSigner:
    """Asks the service at the other end of a socket, for a signature or for its public key."""

    algorithm = ALGORITHM

    def __init__(self) -> None:
        self.address = os.environ["SIGNING_SERVICE"]
        self.public_key = self._ask(PUBLIC_KEY)

    def sign(self, message: bytes) -> bytes:
        return self._ask(message)

    def _ask(self, message: bytes) -> bytes:
        with Client(self.address, "AF_UNIX") as connection:
            connection.send_bytes(message)
            if not connection.poll(PATIENCE):
                raise TimeoutError("the signing service does not answer")
            return connection.recv_bytes()


def serve(address: str) -> None:
    """Hold a new key, and sign whatever comes in at `address`."""
    key = generate_private_key(SECP256R1())
    public_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    # A service of Amazon's or Google's signs in DER; JWS wants the two numbers side by side, which
    # is what PyJWT makes of it.
    algorithm = get_default_algorithms()[ALGORITHM]
    with Listener(address, "AF_UNIX") as listener:
        while True:
            with listener.accept() as connection:
                message = connection.recv_bytes()
                answer = public_key if message == PUBLIC_KEY else algorithm.sign(message, key)
                connection.send_bytes(answer)


if __name__ == "__main__":
    serve(sys.argv[1])
