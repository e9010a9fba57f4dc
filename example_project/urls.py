from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from example_project.views import (
    ClientView,
    DeleteEverythingView,
    HomeView,
    MeView,
    TerminalView,
    TransferView,
)
from jwt_sessions.admin.second_factor import with_second_factor

urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    path("client/", ClientView.as_view(), name="client"),
    path("terminal/", TerminalView.as_view(), name="terminal"),
    path("admin/", with_second_factor(admin.site).urls),
    path("api/me/", MeView.as_view(), name="me"),
    path("api/delete-everything/", DeleteEverythingView.as_view(), name="delete_everything"),
    path("api/transfer/", TransferView.as_view(), name="transfer"),
    path("api/auth/", include("jwt_sessions.api.urls")),
    path("account/", include("jwt_sessions.pages.urls")),
    path(".well-known/", include("jwt_sessions.well_known.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/schema/ui/",
        SpectacularSwaggerSplitView.as_view(
            url_name="schema", template_name="example_project/swagger_ui.html"
        ),
        name="schema_ui",
    ),
]
