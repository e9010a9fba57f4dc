"""The pages about recovery codes: how many are left, new ones, keeping them."""

from __future__ import annotations

import pytest
from django.core import mail

from jwt_sessions.models import RecoveryCode
from tests.factors import give_recovery_codes, give_totp
from tests.people import name_of
from tests.visitors import Visitor, address_of

proves = pytest.mark.proves

GOOD = "3-7KQFM-2XW9T-CA4RB"
HOSTILE = [
    "",
    "<script>alert(1)</script>",
    f"{GOOD} please call +49 170 555",
    " ".join([GOOD] * 11),
    "\x00",
    "x" * 100_000,
]
WARNING = "Make new ones before you need them"


@pytest.fixture
def app(alice):
    return give_totp(alice)


@pytest.fixture
def codes(alice, app):
    """Alice's recovery codes."""
    return give_recovery_codes(alice)


@pytest.fixture
def signed_in(visitor, app, codes):
    """Alice, who has signed in by both factors."""
    return visitor.sign_in(code=app.code())


def spend(number):
    for code in RecoveryCode.objects.all()[:number]:
        RecoveryCode.objects.filter(pk=code.pk).update(used_at=code.device.created_at)


class TestLeft:
    @pytest.mark.parametrize(("used", "is_few"), [(0, False), (6, False), (7, True), (10, True)])
    def test_few_are_warned_of_on_every_page(self, signed_in, used, is_few):
        spend(used)
        signed_in.open("recovery_codes")
        assert f"{10 - used} of 10 left" in signed_in.text
        for name in ("overview", "devices", "second_factor", "password", "totp"):
            signed_in.open(name)
            assert (WARNING in signed_in.text) is is_few

    def test_who_signs_in_by_one_is_told_how_many_are_left(self, visitor, codes):
        spend(7)
        visitor.sign_in(code=codes[9])
        visitor.follow()
        assert "You have used a recovery code. 2 are left." in visitor.text
        assert "You have only 2 recovery codes left." in visitor.text

    def test_who_has_no_second_factor_has_none(self, visitor):
        visitor.sign_in()
        visitor.open("recovery_codes")
        assert "You have none: they come with two-factor sign-in." in visitor.text
        assert visitor.send("recovery_codes")["Location"] == address_of("second_factor")
        assert not RecoveryCode.objects.exists()


class TestRenewing:
    def test_new_ones_are_shown_once_and_the_old_ones_die(self, signed_in, codes, other_browser):
        signed_in.open("recovery_codes")
        signed_in.submit()
        new = signed_in.codes
        assert (len(new), set(new) & set(codes)) == (10, set())
        signed_in.open("recovery_codes")
        assert not signed_in.codes
        for code, is_good in ((codes[0], False), (new[0], True)):
            other_browser.give_password()
            other_browser.submit(code=code)
            assert other_browser.is_in is is_good

    def test_it_is_told_by_mail(self, signed_in, committed):
        with committed():
            signed_in.send("recovery_codes")
        assert [sent.to for sent in mail.outbox] == [["alice@example.com"]]

    @proves("V3", "P9")
    def test_p9_it_needs_a_recent_login_by_both(self, visitor, alice, clock, signed_in, codes):
        clock.shift(15 * 60 + 1)
        before = set(RecoveryCode.objects.values_list("pk", flat=True))
        assert signed_in.send("recovery_codes")["Location"].startswith(address_of("confirm"))
        by_password = Visitor(alice)
        by_password.give_password()
        assert by_password.send("recovery_codes")["Location"].startswith(address_of("sign_in"))
        assert set(RecoveryCode.objects.values_list("pk", flat=True)) == before
        assert signed_in.open("recovery_codes").status_code == 200

    @proves("P9")
    def test_p9_a_password_of_before_the_factor_is_not_enough(self, visitor, alice):
        visitor.sign_in()
        give_totp(alice)
        give_recovery_codes(alice)
        assert visitor.send("recovery_codes")["Location"].startswith(address_of("confirm"))


class TestKeeping:
    @pytest.fixture
    def shown(self, signed_in):
        """A page that shows new codes."""
        signed_in.send("recovery_codes")
        return signed_in

    def test_they_can_be_had_as_a_file(self, shown):
        codes = shown.codes
        answer = shown.send("recovery_codes_download", codes=" ".join(codes))
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        name = 'attachment; filename="recovery-codes-2026-11-23.txt"'
        assert answer["Content-Disposition"] == name
        assert "no-store" in answer["Cache-Control"]
        lines = answer.content.decode().split("\r\n")
        assert "\n" not in "".join(lines)
        assert lines[0] == "Recovery codes for issuer.example"
        assert name_of(shown.user) in lines[1]
        assert lines[2] == "Made on 2026-11-23. Each works once."
        assert lines[3:] == ["", *codes, ""]

    def test_one_goes_on_by_saying_that_they_are_saved(self, shown):
        codes = shown.codes
        shown.send("recovery_codes_saved", codes=" ".join(codes))
        assert "Please save the codes first" in shown.text
        assert "<title>Error:" in shown.text
        assert shown.codes == codes
        shown.send("recovery_codes_saved", codes=" ".join(codes), saved="on")
        assert shown.leads_to == f"{address_of('second_factor')}?changed=yes"

    @pytest.mark.parametrize("codes", HOSTILE, ids=range(len(HOSTILE)))
    @pytest.mark.parametrize("name", ["recovery_codes_download", "recovery_codes_saved"])
    def test_what_is_no_code_is_neither_shown_nor_saved(self, signed_in, name, codes):
        answer = signed_in.send(name, codes=codes)
        assert (answer.status_code, answer["Location"]) == (302, address_of("recovery_codes"))

    @pytest.mark.parametrize("name", ["recovery_codes_download", "recovery_codes_saved"])
    def test_no_link_does_any_of_it(self, signed_in, name):
        assert signed_in.open(name, codes=GOOD).status_code == 405

    @pytest.mark.parametrize("name", ["recovery_codes_download", "recovery_codes_saved"])
    def test_a_stranger_is_sent_to_sign_in_and_not_back(self, visitor, name):
        answer = visitor.send(name, codes=GOOD)
        assert answer["Location"] == f"{address_of('sign_in')}?next=%2Faccount%2F"
