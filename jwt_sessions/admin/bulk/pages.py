"""What the pages of bulk revocations share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.generic import TemplateView

from jwt_sessions.models import BulkRevocation

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

    from jwt_sessions.admin.bulk.records import BulkRevocationAdmin


class BulkPage(TemplateView):
    """A page for who may revoke in bulk. Whoever may not is refused before anything is read."""

    http_method_names = ["get", "head", "post"]
    model_admin: BulkRevocationAdmin = None  # type: ignore[assignment]  # given to as_view()
    title: _StrPromise | str = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not self.is_allowed(request):
            raise PermissionDenied
        request.current_app = self.model_admin.admin_site.name
        return super().dispatch(request, *args, **kwargs)

    def is_allowed(self, request: HttpRequest) -> bool:
        return self.model_admin.has_bulkrevoke_permission(request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **self.model_admin.admin_site.each_context(self.request),
            "opts": BulkRevocation._meta,
            "has_view_permission": self.model_admin.has_view_permission(self.request),
            "media": self.model_admin.media,
            "title": self.title,
            **super().get_context_data(**kwargs),
        }

    def go_to(self, page: str, *args: Any, query: str = "") -> HttpResponseRedirect:
        """Redirect to a page of bulk revocations."""
        site = self.model_admin.admin_site.name
        address = reverse(f"{site}:jwt_sessions_bulkrevocation_{page}", args=args)
        return HttpResponseRedirect(f"{address}?{query}" if query else address)
