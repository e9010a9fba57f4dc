"""The demo's URLs, with bulk revocations in very short steps, and patience to count exactly."""

from functools import partial

from example_project.urls import urlpatterns
from jwt_sessions.admin.bulk import preview, running, views
from jwt_sessions.sessions import stepping

__all__ = ["urlpatterns"]

running.SECONDS = 0.2
stepping.Run = partial(stepping.Run, batch_size=500)
for module in (preview, views):
    module.FOR_COUNTING = 30
preview.FOR_COUNTING_ALL = preview.FOR_WARNINGS = 30
