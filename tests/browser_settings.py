"""The demo's settings for a real browser: under a strict policy, in the language it asks for."""

from django.conf.locale import LANG_INFO

from tests.demo_settings import *  # noqa: F403
from tests.demo_settings import MIDDLEWARE as OF_THE_DEMO

# Nothing inline, nothing from elsewhere. The admin's stylesheets hold pictures as data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def strict_policy(get_response):
    """Send the strictest Content-Security-Policy that Django's own admin can live with."""

    def middleware(request):
        response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return middleware


# As a real site: the debugger's own pages hold styles.
DEBUG = False

LANGUAGES = [(code, info["name"]) for code, info in LANG_INFO.items() if "name" in info]
MIDDLEWARE = [
    "tests.browser_settings.strict_policy",
    *OF_THE_DEMO,
    "django.middleware.locale.LocaleMiddleware",
]
