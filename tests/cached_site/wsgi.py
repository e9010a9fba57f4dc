"""What gunicorn serves: the site as usual, or one that was in use before it forked workers."""

from django.core.wsgi import get_wsgi_application


def application():
    return get_wsgi_application()


def used_before():
    """The same, by a process that knows the window, and of which a thread reads it just now."""
    site = get_wsgi_application()
    from uuid import uuid4

    from django.db import connections

    from jwt_sessions.revocation import is_revoked
    from jwt_sessions.revocation.cached import this_process

    assert is_revoked(uuid4()) is False
    assert this_process()._reading.acquire(blocking=False)
    connections.close_all()
    return site
