"""``path(".well-known/", include("jwt_sessions.well_known.urls"))``, at the root of the site."""

from django.urls import path

from jwt_sessions.well_known import views

app_name = "jwt_sessions_well_known"

urlpatterns = [path("jwks.json", views.jwks, name="jwks")]
