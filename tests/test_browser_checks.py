"""The checks of browser sessions and of the pages: what one needs of the other."""

from __future__ import annotations

import pytest
from django.contrib.auth.middleware import RemoteUserMiddleware

from tests.browsers import DJANGOS, OURS, middleware
from tests.checking import problems

E027, E028, W017 = (f"jwt_sessions.{number}" for number in ("E027", "E028", "W017"))
REMOTE_USER = f"{RemoteUserMiddleware.__module__}.{RemoteUserMiddleware.__qualname__}"

with_pages = pytest.mark.urls("tests.pages_urls")


class OfTheProject(RemoteUserMiddleware):
    """A middleware of a project's own, made of none of ours."""


def found():
    return {id_ for id_ in problems() if id_ in {E027, E028, W017}}


def test_without_pages_and_middleware_there_is_nothing_to_say():
    assert found() == set()


@with_pages
@pytest.mark.usefixtures("switched_on")
def test_with_both_there_is_nothing_to_say():
    assert found() == set()


@with_pages
@pytest.mark.proves("P11")
def test_pages_without_the_middleware_are_an_error():
    assert found() == {E027}
    assert OURS in problems()[E027].hint


@pytest.mark.usefixtures("switched_on")
@pytest.mark.proves("P11", "P9")
def test_a_middleware_without_pages_is_a_warning():
    assert found() == {W017}


@with_pages
@pytest.mark.proves("P11")
def test_djangos_own_middleware_after_ours_is_an_error(settings):
    settings.MIDDLEWARE = middleware(OURS, DJANGOS)
    assert found() == {E028}


@with_pages
def test_djangos_own_middleware_before_ours_does_no_harm(settings):
    settings.MIDDLEWARE = [
        each for path in middleware(OURS) for each in ([DJANGOS, OURS] if path == OURS else [path])
    ]
    assert found() == set()


@with_pages
@pytest.mark.parametrize("path", [REMOTE_USER, f"{__name__}.OfTheProject", "no.such.Middleware"])
def test_what_signs_in_by_login_may_stand_after_ours(settings, path):
    settings.MIDDLEWARE = middleware(OURS, path)
    assert found() == set()
