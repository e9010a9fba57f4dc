"""What each algorithm costs, for choosing one: ``python -m benchmarks --algorithms``."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from django.test import override_settings

from benchmarks.access_tokens import minting
from benchmarks.keys import fresh_key, settings_to_sign_with
from benchmarks.measuring import WARM_UP, frozen_heap, time_operation
from benchmarks.reporting import format_rows, microseconds
from jwt_sessions.claims import decode_segment
from jwt_sessions.keys.material import parse_keys
from jwt_sessions.tokens import parse_access_token

if TYPE_CHECKING:
    from collections.abc import Callable

# What the table calls it: its name, and the length of an RSA key.
CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "HS256": ("HS256",),
    "RS256, 2048 bits": ("RS256", 2048),
    "RS256, 3072 bits": ("RS256", 3072),
    "PS256, 2048 bits": ("PS256", 2048),
    "ES256": ("ES256",),
    "ES384": ("ES384",),
    "EdDSA": ("EdDSA",),
}

HEADINGS: Final = (
    ("", "mint", "read", "load the key", "token", "signature"),
    ("algorithm", "µs", "µs", "µs", "characters", "bytes"),
)

# To load an RSA key takes about as long as to read a thousand tokens.
ROUNDS_FOR_A_LOAD: Final = 10


def table(*, rounds: int) -> str:
    """Return the table, a row for each algorithm."""
    rows = (_row(label, *choice, rounds=rounds) for label, choice in CHOICES.items())
    return format_rows([*HEADINGS, *rows])


def _row(label: str, *choice: Any, rounds: int) -> tuple[str, ...]:
    key = fresh_key(*choice)
    with override_settings(**settings_to_sign_with(*choice)), frozen_heap():
        mint = minting()
        token = mint()
        read = partial(parse_access_token, token)
        # What is below the cache: how keys are loaded when they are loaded.
        load = partial(parse_keys.__wrapped__, key.text, key.algorithm)
        loads = max(1, rounds // ROUNDS_FOR_A_LOAD)
        return (
            label,
            microseconds(_measure(mint, rounds=rounds)),
            microseconds(_measure(read, rounds=rounds)),
            microseconds(median(time_operation(load) for _ in range(loads))),
            str(len(token)),
            str(len(decode_segment(token.rpartition(".")[2]))),
        )


def _measure(operation: Callable[[], object], *, rounds: int) -> float:
    time_operation(operation, times=WARM_UP)
    return median(time_operation(operation, times=10) for _ in range(rounds))
