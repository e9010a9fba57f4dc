"""Where somebody is signed in: look, rename, end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from jwt_sessions import sessions
from jwt_sessions.claims import (
    AMR_MULTIPLE_FACTORS,
    AMR_PASSWORD,
    parse_uuid,
)
from jwt_sessions.clients import NAME_LENGTH
from jwt_sessions.conf import conf
from jwt_sessions.models import RevokedReason, Session, SessionKind
from jwt_sessions.models.identifiers import least_uuid7
from jwt_sessions.pages.moments import Moment
from jwt_sessions.pages.page import Page, has_password, page_not_found

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse, QueryDict

PAGE_SIZE: Final = 25
ENDED: Final = 5
ENDED_SINCE: Final = timedelta(days=30)
PHONES: Final = frozenset({"iOS", "Android", "Windows Phone"})


class DeviceNameForm(forms.Form):
    """What to call a device; nothing, for what it is."""

    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH, required=False)


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A session, as its owner sees it."""

    session: Session
    is_this: bool = False

    @property
    def icon(self) -> str:
        """Which picture it gets."""
        if self.session.kind == SessionKind.API and not self.session.browser:
            return "app"
        return "phone" if self.session.platform in PHONES else "computer"

    @property
    def signed_in(self) -> Moment:
        """When it began."""
        return Moment(self.session.created_at)

    @property
    def last_seen(self) -> Moment:
        """When it was used last, as far as is written down."""
        return Moment(self.session.refresh_token.last_seen_at)

    @property
    def ends(self) -> Moment:
        """When it ends by itself, if it is not used before."""
        return Moment(min(self.session.refresh_token.idle_expires_at, self.session.expires_at))

    @property
    def ended(self) -> Moment:
        """When it was over."""
        return Moment(self.session.revoked_at or self.ends.at)

    @property
    def reason(self) -> str:
        """Why it was over."""
        if self.session.revoked_at is None:
            return gettext("not used for a long time")
        return str(self.session.get_revoked_reason_display())

    @property
    def proof(self) -> str:
        """How the person has proven themselves."""
        if AMR_MULTIPLE_FACTORS in self.session.amr:
            return gettext("two factors")
        known = AMR_PASSWORD in self.session.amr
        return pgettext("how somebody signed in", "password") if known else ""

    @property
    def address(self) -> str | None:
        """Where it was used from last."""
        return self.session.refresh_token.address or self.session.address


class DevicesPage(Page):
    """The device in hand first, then the others, newest first; then those that ended lately."""

    template_name = "devices.html"
    title = _("Your devices")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of them."""
        before = parse_uuid(request.GET.get("before", ""))
        mine = Session.objects.filter(user_id=self.person.pk).select_related("refresh_token")
        others = mine.live().exclude(pk=self.session.pk)
        if before is not None:
            others = others.filter(pk__lt=before)
        found = list(others.order_by("-id")[: PAGE_SIZE + 1])
        shown = found[:PAGE_SIZE]
        return self.show(
            this=DeviceRow(self.session, is_this=True) if before is None else None,
            others=[DeviceRow(session) for session in shown],
            older=shown[-1].pk if len(found) > PAGE_SIZE else None,
            is_first=before is None,
            ended=[] if before else [DeviceRow(session) for session in _ended_lately(mine)],
            name_length=NAME_LENGTH,
        )


class DevicePage(Page):
    """A page about one device; another's is as unknown as one that never was."""

    def find(self, sid: UUID) -> Session:
        """Return one of the person's live sessions."""
        mine = Session.objects.filter(user_id=self.person.pk).live()
        found = mine.select_related("refresh_token").filter(pk=sid).first()
        if found is None:
            raise page_not_found()
        return found


class RenameView(DevicePage):
    """Give a device another name."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, sid: UUID) -> HttpResponse:
        """Do it."""
        form = DeviceNameForm(request.POST)
        if not form.is_valid():
            self.say(form.errors["name"][0], level=messages.ERROR)
            return self.send_to("devices")
        renamed = sessions.rename(sid, user=self.person, device_name=form.cleaned_data["name"])
        if renamed is None:
            raise page_not_found()
        name = renamed.display_name
        self.say(gettext("This device is called “%(name)s” now.") % {"name": name})
        return self.send_to("devices")


class EndPage(DevicePage):
    """Ask, then end one session; who does not know it changes the password next."""

    template_name = "device_end.html"
    title = _("Sign out a device")
    needs_recent_login = True

    def get(self, request: HttpRequest, sid: UUID) -> HttpResponse:
        """Ask."""
        if sid == self.session.pk:
            return self.send_to("sign_out")
        row = DeviceRow(self.find(sid))
        is_unknown = self.is_unknown(request.GET)
        title = _("Was this not you?") if is_unknown else self.title
        return self.show(row=row, is_unknown=is_unknown, title=title)

    def post(self, request: HttpRequest, sid: UUID) -> HttpResponse:
        """Do it."""
        is_mine = sid != self.session.pk and sessions.revoke(
            sid,
            owner=self.person,
            by=self.person,
            reason=RevokedReason.SIGNED_OUT_REMOTELY,
            request=request,
        )
        if not is_mine:
            raise page_not_found()
        if self.is_unknown(request.POST):
            self.say(
                gettext(
                    "That device is signed out. Whoever it was knew your password: choose a new "
                    "one."
                )
            )
            return self.send_to("password")
        self.say(gettext("That device is signed out."))
        return self.send_to("devices")

    def is_unknown(self, said: QueryDict) -> bool:
        """Return whether somebody else is said to use it, who must know the password then."""
        return "unknown" in said and has_password(self.person)


class EndOthersPage(Page):
    """Ask, then end all other sessions."""

    template_name = "devices_end_others.html"
    title = _("Sign out all other devices")
    needs_recent_login = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask."""
        mine = Session.objects.filter(user_id=self.person.pk).live()
        return self.show(number=mine.exclude(pk=self.session.pk).count())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it."""
        count = sessions.revoke_all(
            self.person,
            keep=self.session.pk,
            by=self.person,
            reason=RevokedReason.SIGNED_OUT_REMOTELY,
            request=request,
        )
        text = ngettext(
            "%(n)d other device is signed out.", "%(n)d other devices are signed out.", count
        )
        self.say(text % {"n": count})
        return self.send_to("devices")


def _ended_lately(mine: Any) -> list[Session]:
    now = timezone.now()
    since = now - ENDED_SINCE
    idle = {"refresh_token__idle_expires_at__range": (since, now)}
    lately = mine.filter(Q(revoked_at__gt=since) | Q(revoked_at=None, **idle))
    # Whoever signed in before that has long been signed out, by the clock.
    recent = lately.filter(pk__gt=least_uuid7(since - conf.SESSION_LIFETIME))
    ended_at = Coalesce("revoked_at", "refresh_token__idle_expires_at")
    return list(recent.order_by(ended_at.desc())[:ENDED])
