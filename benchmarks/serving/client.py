"""A client that costs little: bare sockets, kept alive, each with a request under way."""

from __future__ import annotations

import json
import re
import socket
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from benchmarks.sides import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bearers import Bearer

# So many that the server, which answers one after the other, never waits for the client.
CONNECTIONS: Final = 4

# Seconds. What takes longer will never be answered.
PATIENCE: Final = 30

LENGTH: Final = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)


class Question(NamedTuple):
    """A request, byte by byte, and the body that must come back."""

    request: bytes
    body: bytes

    @classmethod
    def of_bearer(cls, path: str, bearer: Bearer, *, fact: str) -> Self:
        """Return what a bearer asks the view at `path`, which tells a fact of theirs."""
        request = (
            f"GET {path} HTTP/1.1\r\nHost: testserver\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {bearer.access}\r\n\r\n"
        )
        body = json.dumps({fact: getattr(bearer, fact)}, separators=(",", ":"))
        return cls(request.encode(), body.encode())


class Client:
    """Some connections to one server."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.sockets = [
            socket.create_connection(address, timeout=PATIENCE) for _ in range(CONNECTIONS)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for connection in self.sockets:
            connection.close()

    def rate(self, questions: Iterator[Question], count: int) -> float:
        """Ask `count` questions, return how many were answered in a second.

        Raises ``WrongAnswer``.
        """
        asked = list(islice(questions, count))
        start = perf_counter()
        for place, question in enumerate(asked[:CONNECTIONS]):
            self.sockets[place].sendall(question.request)
        for place, question in enumerate(asked):
            connection = self.sockets[place % CONNECTIONS]
            _read_answer(connection, question)
            if place + CONNECTIONS < count:
                connection.sendall(asked[place + CONNECTIONS].request)
        return count / (perf_counter() - start)


def _read_answer(connection: socket.socket, question: Question) -> None:
    head, _, body = _receive(connection).partition(b"\r\n\r\n")
    length = LENGTH.search(head + b"\r\n")
    while length and len(body) < int(length[1]):
        body += _receive(connection)
    if not head.startswith(b"HTTP/1.1 200 ") or body != question.body:
        raise WrongAnswer(f"{head.decode()} {body.decode()}")


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise WrongAnswer("the server closed a connection that was to be kept alive")
    return received
