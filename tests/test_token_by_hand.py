"""The page that makes a token by hand says the truth."""

from __future__ import annotations

import re

import pytest

from jwt_sessions.tokens import parse_access_token
from tests.forging import signing_key
from tests.serving import ROOT

PAGE = (ROOT / "docs" / "token-by-hand.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def said():
    """What the page's code has worked out."""
    names = {}
    exec("".join(BLOCKS), names)
    return names


def test_the_token_of_the_page_is_good(said, set_jwt):
    set_jwt(SIGNING_KEYS=[{"key": said["secret"].decode()}])
    assert signing_key().kid == said["kid"]
    assert parse_access_token(said["token"]).payload == said["claims"]


def test_the_page_needs_the_standard_library_only():
    imported = re.findall(r"^(?:import|from) (\w+)", "".join(BLOCKS), re.MULTILINE)
    assert imported == ["base64", "hashlib", "hmac", "json"]
