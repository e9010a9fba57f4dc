"""URLs with an admin site that asks for a second factor; that of ``tests.urls`` does not."""

from django.contrib import admin
from django.urls import include, path

from jwt_sessions.admin.second_factor import with_second_factor


class Site(admin.AdminSite):
    """A site like Django's own, which stays as it is."""


def like_django(site):
    """Register all that Django's own site has."""
    for model, model_admin in admin.site._registry.items():
        site.register(model, type(model_admin))
    return site


site = like_django(Site())

urlpatterns = [
    path("admin/", with_second_factor(site).urls),
    path("api/auth/", include("jwt_sessions.api.urls")),
]
