"""The demo's settings for a real browser in which bulk revocations take many steps."""

from tests.browser_settings import *  # noqa: F403

ROOT_URLCONF = "tests.bulk_urls"
