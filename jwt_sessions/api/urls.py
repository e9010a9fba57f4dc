"""``path("api/auth/", include("jwt_sessions.api.urls"))``.

simplejwt's four names stand bare, so that what reverses them keeps working; all others are in the
namespace ``jwt_sessions``.
"""

from django.urls import include, path

from jwt_sessions.api import mfa_views, second_factor_views, session_views, token_views

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
    path("token/mfa/", second_factor_views.TokenMFAView.as_view(), name="token_mfa"),
    path("token/mfa/send/", second_factor_views.TokenMFASendView.as_view(), name="token_mfa_send"),
    path("token/step-up/", second_factor_views.StepUpView.as_view(), name="step_up"),
    path("token/step-up/send/", second_factor_views.StepUpSendView.as_view(), name="step_up_send"),
    path("mfa/", mfa_views.MFAView.as_view(), name="mfa"),
    path("mfa/totp/", mfa_views.TOTPView.as_view(), name="mfa_totp"),
    path(
        "mfa/totp/<str:device_id>/confirm/",
        mfa_views.TOTPConfirmView.as_view(),
        name="mfa_totp_confirm",
    ),
    path("mfa/messages/", mfa_views.MessageView.as_view(), name="mfa_messages"),
    path(
        "mfa/messages/<str:device_id>/confirm/",
        mfa_views.MessageConfirmView.as_view(),
        name="mfa_messages_confirm",
    ),
    path("mfa/devices/<str:device_id>/", mfa_views.DeviceView.as_view(), name="mfa_device"),
    path("mfa/recovery-codes/", mfa_views.RecoveryCodesView.as_view(), name="mfa_recovery_codes"),
]

urlpatterns = [
    path("token/", token_views.TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("token/refresh/", token_views.TokenRefreshView.as_view(), name="token_refresh"),
    path("token/verify/", token_views.TokenVerifyView.as_view(), name="token_verify"),
    path("token/blacklist/", token_views.TokenBlacklistView.as_view(), name="token_blacklist"),
    path("", include((namespaced, "jwt_sessions"))),
]
