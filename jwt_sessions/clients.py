"""What we know of the caller: the address behind proxies, the program and system it runs on."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from jwt_sessions.conf import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

# ua-parser needs milliseconds for long hostile agents; no honest one is longer.
USER_AGENT_LENGTH: Final = 256
NAME_LENGTH: Final = 100
FAMILY_LENGTH: Final = 50
# Bytes of a device's name that can be searched for, each as two hex digits.
KEY_BYTES: Final = 24

JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Client:
    """The caller of one request, as far as its headers tell."""

    address: str | None = None
    user_agent: str = ""
    browser: str = ""
    platform: str = ""


def describe(request: HttpRequest | None) -> Client:
    """Return what `request` tells of its caller: address, user agent, browser, platform."""
    if request is None:
        return Client()
    user_agent = clean_text(request.META.get("HTTP_USER_AGENT", ""), USER_AGENT_LENGTH)
    browser, platform = _parse_user_agent(user_agent)
    return Client(address_of(request), user_agent, browser, platform)


def address_of(request: HttpRequest | None) -> str | None:
    """Return the caller's IP address in its shortest form, or None where it is not known.

    X-Forwarded-For is believed only as far as NUM_PROXIES trusted proxies have written it: with
    two proxies, the second entry from the right.
    """
    if request is None:
        return None
    if conf.NUM_PROXIES:
        entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        # Fewer entries than proxies: the request did not come through all of them.
        if len(entries) >= conf.NUM_PROXIES:
            forwarded = parse_address(entries[-conf.NUM_PROXIES])
            if forwarded is not None:
                return forwarded
    return parse_address(request.META.get("REMOTE_ADDR", ""))


def network_of(request: HttpRequest | None) -> str:
    """Return who is calling, for counting, or "" where the address is not known.

    It is what the `address_key` of each of their addresses begins with. That is one IPv4 address,
    or a network of IPv6 addresses: one household or machine has 2^64 of
    them to choose from (RFC 6177 section 2).
    """
    address = address_of(request)
    key = address_key(address)
    return key[:16] if address is not None and ":" in address else key


def parse_address(text: str) -> str | None:
    """Return an IPv4 or IPv6 address in its shortest form, without port and zone, or None."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def address_key(address: str | None) -> str:
    """Return 32 hex digits that sort as addresses do, IPv4 mapped into IPv6; "" for None.

    A network is thus one range of keys (RFC 4291 section 2.5.5.2 for the mapping).
    """
    if address is None:
        return ""
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        parsed = IPv6Address(f"::ffff:{parsed}")
    return parsed.packed.hex()


def device_key(device_name: str, browser: str = "", platform: str = "") -> str:
    """Return hex digits that sort and begin as what a device is called does, in any letter case.

    It is called by its name, or else "Firefox on Windows". What begins with some text is thus one
    range of keys, whatever the database thinks of letters: ``device_key_range``.
    """
    called = device_name or " on ".join(filter(None, [browser, platform]))
    return called.casefold().encode()[:KEY_BYTES].hex()


def device_key_range(text: str) -> tuple[str, str]:
    """Return the lowest and the highest ``device_key`` of devices whose name begins with `text`."""
    first = device_key(text)
    # Hex digits end with f, and g comes after it.
    return first, f"{first}g"


def clean_text(text: str, length: int) -> str:
    """Return `text` in one line, fit for a page, a log and a column of `length` characters.

    Control characters and surrogates go, and so do format characters, for a name written from
    right to left can pose as another. The two joiners stay: Persian and emoji need them.
    """
    if not (text.isascii() and text.isprintable()):  # hardly any user agent
        text = "".join(char for char in text if _is_kept(char))
    return " ".join(text.split())[:length].strip(f" {JOINERS}")


def _is_kept(char: str) -> bool:
    return char in JOINERS or char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}


def _parse_user_agent(user_agent: str) -> tuple[str, str]:
    if not user_agent:
        return "", ""
    # Its rules take long to load, and only a sign-in needs them.
    from ua_parser import parse  # noqa: PLC0415

    result = parse(user_agent)
    browser = result.user_agent.family if result.user_agent else ""
    platform = result.os.family if result.os else ""
    return browser[:FAMILY_LENGTH], platform[:FAMILY_LENGTH]
