"""What our system checks say."""

from __future__ import annotations

from django.core import checks


def problems(*, deploy=False):
    """Return what our checks complain about as {id: message}."""
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=deploy)
    return {item.id: item for item in found if item.id.startswith("jwt_sessions.")}
