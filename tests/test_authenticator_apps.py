"""A phone's camera and an app that share no code with us."""

from __future__ import annotations

import subprocess

import pytest

from tests.authenticators import Authenticator, enter
from tests.people import Device, make_user
from tests.servers import need

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def read_qr_code(svg, folder):
    """Take a picture of a QR code, and read it as a camera does."""
    painter, camera = need("rsvg-convert"), need("zbarimg")
    (folder / "code.svg").write_text(svg)
    picture = folder / "code.png"
    subprocess.run([painter, folder / "code.svg", "-w", "400", "-o", picture], check=True)
    command = [camera, "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture]
    read = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return read.stdout.decode().rstrip("\n")


@pytest.mark.parametrize(
    "name", ["alice", "Zoë & Söhne", "ann@example.com", "a:b?c=d#e%20f/g", "名前"], ids=range(5)
)
@pytest.mark.proves("M3")
def test_what_the_camera_reads_from_the_picture_signs_in(name, tmp_path, clock):
    user = make_user("owner")
    field = type(user).USERNAME_FIELD
    setattr(user, field, name)
    user.save()
    device = Device()
    device.sign_in(user, "owner")
    begun = device.post("mfa/totp/", {}).json()
    uri = read_qr_code(begun["qr_svg"], tmp_path)
    assert uri == begun["otpauth_uri"]
    app = Authenticator(uri)
    assert app.app.name == name
    device.post(f"mfa/totp/{begun['id']}/confirm/", {"code": app.code()})
    clock.shift(30)
    asked = Device().sign_in(user, "owner").json()
    assert enter(Device(), asked["mfa_token"], app.code()).status_code == 200
