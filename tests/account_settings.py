"""The demo's settings for a browser at the pages for end users: the strictest policy there is."""

import os

import django

from tests.browser_settings import *  # noqa: F403
from tests.browser_settings import MIDDLEWARE as OF_BROWSERS
from tests.browser_settings import POLICY

# Django's own admin needs pictures as data; these pages do not.
STRICT = POLICY.replace(" data:", "")

# Mails become files, which whoever runs the site can read.
MAILS = {"file_path": os.environ["MAILS"]}
KEPT = "django.core.mail.backends.filebased.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": KEPT, "OPTIONS": MAILS}}
else:
    EMAIL_BACKEND, EMAIL_FILE_PATH = KEPT, MAILS["file_path"]


def strictest_policy(get_response):
    """Send the policy for the pages that can live with it."""

    def middleware(request):
        response = get_response(request)
        if request.path.startswith("/account/"):
            response.headers["Content-Security-Policy"] = STRICT
        return response

    return middleware


MIDDLEWARE = ["tests.account_settings.strictest_policy", *OF_BROWSERS]
