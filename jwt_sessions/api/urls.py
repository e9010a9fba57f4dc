"""``path("api/auth/", include("jwt_sessions.api.urls"))``.

simplejwt's four names stand bare, so that what reverses them keeps working; all others are in the
namespace ``jwt_sessions``.
"""

from django.urls import include, path

from jwt_sessions.api import session_views, token_views

namespaced = [
    path("logout/", token_views.LogoutView.as_view(), name="logout"),
    path("sessions/", session_views.SessionListView.as_view(), name="session_list"),
    path(
        "sessions/revoke-others/",
        session_views.RevokeOtherSessionsView.as_view(),
        name="session_revoke_others",
    ),
    path(
        "sessions/revoke-all/",
        session_views.RevokeAllSessionsView.as_view(),
        name="session_revoke_all",
    ),
    path("sessions/<str:sid>/", session_views.SessionDetailView.as_view(), name="session_detail"),
]

urlpatterns = [
    path("token/", token_views.TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("token/refresh/", token_views.TokenRefreshView.as_view(), name="token_refresh"),
    path("token/verify/", token_views.TokenVerifyView.as_view(), name="token_verify"),
    path("token/blacklist/", token_views.TokenBlacklistView.as_view(), name="token_blacklist"),
    path("", include((namespaced, "jwt_sessions"))),
]
