"""The demo's URLs, with bulk revocations in very short steps, and patience to count exactly."""

from functools import partial

from example_project.urls import urlpatterns
from jwt_sessions.admin import bulk_preview, bulk_running, bulk_views
from jwt_sessions.sessions import stepping

__all__ = ["urlpatterns"]

bulk_running.SECONDS = 0.2
stepping.Run = partial(stepping.Run, batch_size=500)
for module in (bulk_preview, bulk_views):
    module.FOR_COUNTING = 30
bulk_preview.FOR_COUNTING_ALL = bulk_preview.FOR_WARNINGS = 30
