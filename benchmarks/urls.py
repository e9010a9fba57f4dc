"""Each side's views below a path of its own."""

from django.urls import include, path
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from benchmarks.views import WhichKey, WhoAmI
from jwt_sessions.authentication import JWTSessionAuthentication

urlpatterns = [
    path("simplejwt/whoami/", WhoAmI.as_view(authentication_classes=[JWTAuthentication])),
    path("simplejwt/key/", WhichKey.as_view(authentication_classes=[JWTAuthentication])),
    path("simplejwt/token/", TokenObtainPairView.as_view()),
    path("simplejwt/token/refresh/", TokenRefreshView.as_view()),
    path("jwt_sessions/whoami/", WhoAmI.as_view(authentication_classes=[JWTSessionAuthentication])),
    path("jwt_sessions/key/", WhichKey.as_view(authentication_classes=[JWTSessionAuthentication])),
    path("jwt_sessions/", include("jwt_sessions.api.urls")),
]
