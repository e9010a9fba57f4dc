#!/bin/sh
# Build the wheel as a stranger would, from the sdist; install it outside of the tree, and start a
# project that knows nothing else.
set -eu
python=$1
here=$(pwd)
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT

"$python" -m build --no-isolation --outdir "$elsewhere" .
"$python" -m venv "$elsewhere/venv"
"$elsewhere/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes -r requirements/dev.txt
"$elsewhere/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$elsewhere"/*.whl

cd "$elsewhere"
cat >settings.py <<'SETTINGS'
SECRET_KEY = "only for starting the wheel once, and long enough for the checks"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "jwt_sessions"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
ROOT_URLCONF = "urls"
JWT_SESSIONS = {"ISSUER": "https://example.com", "SIGNING_KEYS": [{"directory": "keys"}]}
SETTINGS
cat >urls.py <<'URLS'
from django.urls import include, path

urlpatterns = [
    path("api/auth/", include("jwt_sessions.api.urls")),
    path(".well-known/", include("jwt_sessions.well_known.urls")),
]
URLS
cat >start.py <<'START'
from pathlib import Path

import django

django.setup()

import jwt_sessions
from django.contrib.auth.models import User
from django.test import Client
from django.template.loader import get_template
from django.utils.translation import gettext, override

assert "site-packages" in jwt_sessions.__file__, jwt_sessions.__file__
User.objects.create_user("alice", password="alice")
client = Client()
body = {"username": "alice", "password": "alice"}
answer = client.post("/api/auth/token/", body, "application/json", headers={"host": "localhost"})
assert answer.status_code == 200, answer.content
headers = {"authorization": "Bearer " + answer.json()["access"], "host": "localhost"}
assert client.get("/api/auth/sessions/", headers=headers).status_code == 200
assert client.post("/api/auth/logout/", headers=headers).status_code == 204
assert client.get("/api/auth/sessions/", headers=headers).status_code == 401
assert len(client.get("/.well-known/jwks.json", headers={"host": "localhost"}).json()["keys"]) == 1
assert open(jwt_sessions.__path__[0] + "/py.typed") is not None
assert open(jwt_sessions.__path__[0] + "/templates/admin/jwt_sessions/session/revoke.html")
catalogues = sorted(Path(jwt_sessions.__path__[0]).glob("locale/*/LC_MESSAGES/django.po"))
assert len(catalogues) >= 2, catalogues
for catalogue in catalogues:
    assert catalogue.with_suffix(".mo").exists(), catalogue
    with override(catalogue.parent.parent.name):
        assert gettext("Signed-in sessions") != "Signed-in sessions", catalogue
print(f"The wheel of version {jwt_sessions.__version__} works.")
START
export DJANGO_SETTINGS_MODULE=settings PYTHONPATH="$elsewhere"
sed -i 's/^SECRET_KEY/ALLOWED_HOSTS = ["localhost"]\nSECRET_KEY/' settings.py
"$elsewhere/venv/bin/python" -m django signingkeys create
"$elsewhere/venv/bin/python" -m django check
"$elsewhere/venv/bin/python" -m django migrate --verbosity 0
"$elsewhere/venv/bin/python" start.py
