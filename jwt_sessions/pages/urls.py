"""Mount with ``path("account/", include("jwt_sessions.pages.urls"))``."""

from __future__ import annotations

from django.urls import path

from jwt_sessions.pages import (
    devices,
    factors,
    identity,
    messages,
    not_me,
    overview,
    passwords,
    recovery_codes,
    signing_in,
    totp,
)

# As ``browser_sessions.destinations`` knows it.
app_name = "jwt_sessions_pages"

urlpatterns = [
    path("", overview.OverviewPage.as_view(), name="overview"),
    path("sign-in/", signing_in.SignInPage.as_view(), name="sign_in"),
    path("sign-out/", signing_in.SignOutPage.as_view(), name="sign_out"),
    path("confirm/", identity.ConfirmPage.as_view(), name="confirm"),
    path("devices/", devices.DevicesPage.as_view(), name="devices"),
    path("devices/others/", devices.EndOthersPage.as_view(), name="devices_end_others"),
    path("devices/<uuid:sid>/end/", devices.EndPage.as_view(), name="device_end"),
    path("devices/<uuid:sid>/rename/", devices.RenameView.as_view(), name="device_rename"),
    path("not-me/<str:token>/", not_me.NotMePage.as_view(), name="not_me"),
    path("password/", passwords.PasswordPage.as_view(), name="password"),
    path("second-factor/", factors.FactorsPage.as_view(), name="second_factor"),
    path("second-factor/app/", totp.TOTPPage.as_view(), name="totp"),
    path("second-factor/codes-by/<str:channel>/", messages.MessagePage.as_view(), name="message"),
    path(
        "second-factor/<str:device_id>/rename/",
        factors.RenameView.as_view(),
        name="factor_rename",
    ),
    path(
        "second-factor/<str:device_id>/remove/", factors.RemovePage.as_view(), name="factor_remove"
    ),
    path("recovery-codes/", recovery_codes.RecoveryCodesPage.as_view(), name="recovery_codes"),
    path(
        "recovery-codes/download/",
        recovery_codes.DownloadView.as_view(),
        name="recovery_codes_download",
    ),
    path("recovery-codes/saved/", recovery_codes.SavedView.as_view(), name="recovery_codes_saved"),
]
