"""The action on the list of sessions: revoke those that are ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.utils.translation import gettext_lazy as _

from jwt_sessions.admin.bulk.views import PreviewView
from jwt_sessions.admin.permissions import BULK_REVOKE
from jwt_sessions.models import BulkRevocation

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.http import HttpRequest, HttpResponse


@admin.action(description=_("Revoke selected sessions"), permissions=["bulkrevoke"])
def revoke_selected(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse:
    """Show what revoking the ticked rows would do. Only those: a filter is no list of sessions."""
    ids = " ".join(request.POST.getlist(ACTION_CHECKBOX_NAME))
    records = model_admin.admin_site.get_model_admin(BulkRevocation)
    return PreviewView.as_view(model_admin=records)(request, session_ids=ids)


def may_revoke_in_bulk(site: AdminSite, request: HttpRequest) -> bool:
    """Return whether an operator may do so on this site, which must have the pages for it."""
    return site.is_registered(BulkRevocation) and request.user.has_perm(BULK_REVOKE)
