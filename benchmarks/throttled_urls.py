"""The same views with limits that never refuse: what the counting costs."""

from django.urls import include, path
from rest_framework.throttling import AnonRateThrottle
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView


class Counting(AnonRateThrottle):
    """REST framework's own throttle, one for each view, as simplejwt's users add it."""

    rate = "1000000/second"


urlpatterns = [
    path("simplejwt/token/", TokenObtainPairView.as_view(throttle_classes=[Counting])),
    path("simplejwt/token/refresh/", TokenRefreshView.as_view(throttle_classes=[Counting])),
    path("jwt_sessions/", include("jwt_sessions.api.urls")),
]
