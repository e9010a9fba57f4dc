from django.urls import include, path

from tests.cached_urls import UntouchedView

urlpatterns = [
    path("protected/", UntouchedView.as_view()),
    path("api/auth/", include("jwt_sessions.api.urls")),
]
