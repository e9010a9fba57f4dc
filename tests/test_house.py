"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import jwt_sessions

PACKAGE = Path(jwt_sessions.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def importers_of(package):
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if any(name == package or name.startswith(f"{package}.") for name in imports_of(path))
    }


def test_settings_are_read_in_one_place():
    assert importers_of("django.conf") == {"conf/reading.py"}


def test_simplejwts_tokens_are_imported_in_one_place():
    assert importers_of("rest_framework_simplejwt.tokens") == {"tokens/kinds.py"}
    assert importers_of("rest_framework_simplejwt") == {"tokens/kinds.py", "checks/simplejwt.py"}


def test_claims_need_the_standard_library_only():
    assert {name.partition(".")[0] for name in imports_of(PACKAGE / "claims.py")} <= {
        "__future__",
        "base64",
        "json",
        "re",
        "typing",
        "collections",
        "uuid",
    }


def test_http_is_known_to_the_upper_floors_only():
    lower = {"conf.py", "claims.py", "exceptions.py", "signals.py", "revocation.py"}
    assert not importers_of("rest_framework.response") & lower
    for room in ("conf/", "keys/", "sessions/", "mfa/", "models/"):
        assert not any(name.startswith(room) for name in importers_of("rest_framework"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_file_is_long_or_named_for_nothing(path):
    assert path.stem not in {"utils", "helpers", "common", "base", "misc"}
    assert len(path.read_text().splitlines()) <= 300
