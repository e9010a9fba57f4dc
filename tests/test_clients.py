"""The caller: address behind proxies, device from the user agent."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from jwt_sessions import clients
from tests.people import FIREFOX

proves = pytest.mark.proves


def address_of(rf, forwarded=None, remote="198.51.100.1"):
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    return clients.address_of(rf.get("/", headers=headers, REMOTE_ADDR=remote))


@proves("A5")
def test_a5_forwarded_headers_are_ignored_until_proxies_are_trusted(rf):
    assert address_of(rf, "203.0.113.9") == "198.51.100.1"


@proves("A5")
@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", "198.51.100.1"),
        (1, "", "198.51.100.1"),
        (1, "nonsense", "198.51.100.1"),
        (1, "203.0.113.9, unknown", "198.51.100.1"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
    ],
)
def test_a5_only_what_trusted_proxies_wrote_is_believed(rf, set_jwt, proxies, forwarded, expected):
    set_jwt(NUM_PROXIES=proxies)
    assert address_of(rf, forwarded) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", None),
        ("unix:", None),
        ("1.2.3", None),
        ("127.0.0.1\x00", None),
    ],
)
def test_an_address_has_one_spelling(text, expected):
    assert clients.parse_address(text) == expected


def test_an_address_is_not_known_without_a_request():
    assert clients.describe(None) == clients.Client()
    assert clients.address_key(None) == ""


def test_a_network_is_one_range_of_keys():
    network = ip_network("203.0.113.0/24")
    low, high = (clients.address_key(str(network[i])) for i in (0, -1))
    assert low <= clients.address_key("203.0.113.77") <= high
    assert not low <= clients.address_key("203.0.114.0") <= high
    assert not low <= clients.address_key("2001:db8::1") <= high


@pytest.mark.parametrize(
    ("agent", "browser", "platform"),
    [
        (FIREFOX, "Firefox", "Windows"),
        ("okhttp/4.12.0", "okhttp", ""),
        ("curl/8.5.0", "curl", ""),
        ("something unheard of", "", ""),
        ("", "", ""),
    ],
)
def test_browser_and_platform_are_read_from_the_user_agent(rf, agent, browser, platform):
    client = clients.describe(rf.get("/", headers={"user-agent": agent}))
    assert (client.browser, client.platform) == (browser, platform)


@proves("A3")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  two\t words\r\n", "two words"),
        ("red\x1b[31m", "red[31m"),
        ("\u202etxt.exe", "txt.exe"),
        ("a\x00b\ud800c", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("line\u2028line", "line line"),
        ("x" * 200, "x" * 100),
        ("\u200d\u200c", ""),
    ],
)
def test_a3_text_from_outside_is_cut_and_cleaned(text, expected):
    assert clients.clean_text(text, 100) == expected
