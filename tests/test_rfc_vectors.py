"""The keys and tokens printed in the RFCs: each signature is right, and no token is one of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from jwt_sessions.claims import decode_segment
from jwt_sessions.keys.material import parse_keys
from tests.forging import encode, reason, sign

proves = pytest.mark.proves


@dataclass(frozen=True)
class Vector:
    """A printed key and the token that it has signed; `refused` is why the token is none of ours.

    `claims_refused` is why not, had it been given a header of ours.
    """

    algorithm: str
    jwk: dict
    token: str
    refused: str
    claims_refused: str

    @property
    def key(self):
        (key,) = parse_keys(json.dumps(self.jwk), self.algorithm)
        return key

    @property
    def message(self):
        return self.token.rpartition(".")[0].encode()

    @property
    def signature(self):
        return decode_segment(self.token.rpartition(".")[2])


# {"iss":"joe", "exp":1300819380, "http://example.com/is_root":true}, with its ends of lines
JOE = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
SECRET = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
HS256 = Vector(
    "HS256",
    SECRET,
    f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "wrong_typ",
    "wrong_issuer",
)
RS256 = Vector(
    "RS256",
    {  # the primes and the rest, printed too, follow from these
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"
        "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH"
        "SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5"
        "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
        "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7Y"
        "wVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn"
        "439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8"
        "bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
    },
    f"eyJhbGciOiJSUzI1NiJ9.{JOE}."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F"
    "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB"
    "MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeY"
    "I2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    "bad_typ",
    "wrong_issuer",
)
ES256 = Vector(
    "ES256",
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    },
    f"eyJhbGciOiJFUzI1NiJ9.{JOE}."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    "bad_typ",
    "wrong_issuer",
)
ES512 = Vector(
    "ES512",
    {
        "kty": "EC",
        "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceq"
        "wQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3k"
        "yMj2",
        "d": "AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE1"
        "5j2C",
    },
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG"
    "8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    "bad_typ",
    "bad_json",
)
ED25519 = Vector(
    "EdDSA",
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    "bad_typ",
    "bad_json",
)
ENCODED_PAYLOAD = Vector(
    "HS256",
    SECRET,
    "eyJhbGciOiJIUzI1NiJ9.JC4wMg.5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ",
    "bad_typ",
    "bad_json",
)

VECTORS = {
    "RFC 7515 A.1 and RFC 7519 3.1": HS256,
    "RFC 7515 A.2": RS256,
    "RFC 7515 A.3": ES256,
    "RFC 7515 A.4": ES512,
    "RFC 8037 A.4 and A.5": ED25519,
    "RFC 7797 4": ENCODED_PAYLOAD,
}
each_vector = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)

# RFC 7515 appendix A.5 and RFC 7519 section 6.1
UNSECURED = f"eyJhbGciOiJub25lIn0.{JOE}."

# RFC 7519 appendices A.1 and A.2
ENCRYPTED = (
    "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.QR1Owv2ug2WyPBnbQrRARTeEk9kDO2w8qDcjiH"
    "nSJflSdv1iNqhWXaKH4MqAkQtMoNfABIPJaZm0HaA415sv3aeuBWnD8J-Ui7Ah6cWafs3ZwwFKDFUUsWHSK-IPKxLG"
    "TkND09XyjORj_CHAgOPJ-Sd8ONQRnJvWn_hXV1BNMHzUjPyYwEsRhDhzjAD26imasOTsgruobpYGoQcXUwFDn7moXP"
    "RfDE8-NoQX7N7ZYMmpUDkR-Cx9obNGwJQ3nM52YCitxoQVPzjbl7WBuB7AohdBoZOdZ24WlN1lVIeh8v1K4krB8xgK"
    "vRU8kgFrEn_a1rZgN5TiysnmzTROF869lQ.AxY8DCtDaGlsbGljb3RoZQ.MKOle7UQrG6nSxTLX6Mqwt0orbHvAKeW"
    "nDYvpIAeZ72deHxz3roJDXQyhxx0wKaMHDjUEOKIwrtkHthpqEanSBNYHZgmNOV7sln1Eu9g3J8.fiK51VwhsxJ-si"
    "BMR-YFiA"
)
NESTED = (
    "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiY3R5IjoiSldUIn0.g_hEwksO1Ax8Qn7HoN-BVe"
    "Boa8FXe0kpyk_XdcSmxvcM5_P296JXXtoHISr_DD_MqewaQSH4dZOQHoUgKLeFly-9RI11TG-_Ge1bZFazBPwKC5lJ"
    "6OLANLMd0QSL4fYEb9ERe-epKYE3xb2jfY1AltHqBO-PM6j23Guj2yDKnFv6WO72tteVzm_2n17SBFvhDuR9a2nHTE"
    "67pe0XGBUS_TK7ecA-iVq5COeVdJR4U4VZGGlxRGPLRHvolVLEHx6DYyLpw30Ay9R6d68YCLi9FYTq3hIXPK_-dmPl"
    "OUlKvPr1GgJzRoeC9G5qCvdcHWsqJGTO_z3Wfo5zsqwkxruxwA.UmVkbW9uZCBXQSA5ODA1Mg.VwHERHPvCNcHHpTj"
    "koigx3_ExK0Qc71RMEParpatm0X_qpg-w8kozSjfNIPPXiTBBLXR65CIPkFqz4l1Ae9w_uowKiwyi9acgVztAi-pSL"
    "8GQSXnaamh9kX1mdh3M_TT-FZGQFQsFhu0Z72gJKGdfGE-OE7hS1zuBD5oEUfk0Dmb0VzWEzpxxiSSBbBAzP10l56p"
    "PfAtrjEYw-7ygeMkwBl6Z_mLS6w6xUgKlvW6ULmkV-uLC4FUiyKECK4e3WZYKw1bpgIqGYsw2v_grHjszJZ-_I5uM-"
    "9RA8ycX9KqPRp9gc6pXmoU_-27ATs9XCvrZXUtK2902AUzqpeEUJYjWWxSNsS-r1TJ1I-FMJ4XyAiGrfmo9hQPcNBY"
    "xPz3GQb28Y5CLSQfNgKSGt0A4isp1hBUXBHAndgtcslt7ZoQJaKe_nNJgNliWtWpJ_ebuOpEl8jdhehdccnRMIwAmU"
    "1n7SPkmhIl1HlSOpvcvDfhUN5wuqU955vOBvfkBOh5A11UzBuo2WlgZ6hYi9-e3w29bR0C2-pp3jbqxEDw3iWaf2dc"
    "5b-LnR0FEYXvI_tYk5rd_J9N0mg0tQ6RbpxNEMNoA9QWk5lgdPvbh9BaO195abQ.AVO9iT5AV4CzvDJCdhSFlQ"
)

# RFC 7797 section 4.2: {"alg":"HS256","b64":false,"crit":["b64"]}, and what has signed "$.02"
UNENCODED_HEADER = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19"
UNENCODED_SIGNATURE = "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"


@each_vector
def test_the_printed_signature_is_the_printed_keys(vector):
    assert vector.key.is_signature(vector.signature, vector.message)


@pytest.mark.parametrize("vector", [HS256, RS256, ED25519, ENCODED_PAYLOAD])
def test_an_algorithm_without_chance_in_it_signs_what_is_printed(vector):
    assert vector.key.sign(vector.message) == vector.signature


@each_vector
def test_a_signature_with_any_one_byte_changed_is_none(vector):
    for place in range(len(vector.signature)):
        bent = bytearray(vector.signature)
        bent[place] ^= 1
        assert not vector.key.is_signature(bytes(bent), vector.message)


@each_vector
def test_the_public_part_of_a_printed_key_verifies_and_signs_nothing(vector):
    if vector.key.is_symmetric:
        assert vector.key.public_jwk() is None
        return
    (public,) = parse_keys(json.dumps(vector.key.public_jwk()))
    assert public.is_signature(vector.signature, vector.message)
    assert not public.can_sign


@proves("C1")
@each_vector
def test_a_printed_token_is_none_of_ours_though_its_key_is(vector, set_jwt):
    set_jwt(SIGNING_KEYS=[{"key": json.dumps(vector.jwk), "algorithm": vector.algorithm}])
    assert reason(vector.token) == vector.refused


@proves("C4", "S11")
@each_vector
def test_what_a_printed_token_says_is_refused_under_a_header_of_ours(vector, set_jwt):
    set_jwt(SIGNING_KEYS=[{"key": json.dumps(vector.jwk), "algorithm": vector.algorithm}])
    header = {"alg": vector.algorithm, "kid": vector.key.kid, "typ": "at+jwt"}
    payload = decode_segment(vector.token.split(".")[1])
    assert reason(sign(header, payload, vector.key)) == vector.claims_refused


@proves("S1", "S3")
def test_the_unsecured_token_of_rfc_7515_a_5_and_rfc_7519_6_1_is_refused():
    assert reason(UNSECURED) == "not_compact"
    assert reason(f"{UNSECURED}AA") == "bad_typ"


@proves("S2")
@pytest.mark.parametrize("token", [ENCRYPTED, NESTED], ids=["RFC 7519 A.1", "RFC 7519 A.2"])
def test_an_encrypted_token_is_refused_before_anything_of_it_is_read(token):
    assert reason(token) == "not_compact"


@proves("S8")
def test_the_unencoded_payload_of_rfc_7797_4_2_is_refused_though_rightly_signed(set_jwt):
    set_jwt(SIGNING_KEYS=[{"key": json.dumps(SECRET), "algorithm": "HS256"}])
    signature = decode_segment(UNENCODED_SIGNATURE)
    assert HS256.key.is_signature(signature, f"{UNENCODED_HEADER}.$.02".encode())
    for payload in ("", "$.02"):
        assert reason(f"{UNENCODED_HEADER}.{payload}.{UNENCODED_SIGNATURE}") == "not_compact"


@proves("S8")
def test_an_unencoded_payload_under_a_header_of_ours_is_refused_for_its_extension(set_jwt):
    set_jwt(SIGNING_KEYS=[{"key": json.dumps(SECRET), "algorithm": "HS256"}])
    ours = {"kid": HS256.key.kid, "typ": "at+jwt"}
    header = encode({"alg": "HS256", "b64": False, "crit": ["b64"], **ours})
    assert reason(f"{header}.JC4wMg.{UNENCODED_SIGNATURE}") == "crit"


@pytest.mark.parametrize(
    ("algorithm", "jwk", "thumbprint"),
    [
        (
            "RS256",  # RFC 7638 section 3.1
            {
                "kty": "RSA",
                "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxu"
                "hDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0"
                "h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
                "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCu"
                "r-kEgU8awapJzKnqDKgw",
                "e": "AQAB",
                "alg": "RS256",  # `kid`, the name that its maker chose, is left out
            },
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        ("EdDSA", ED25519.jwk, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ],
    ids=["RFC 7638 3.1", "RFC 8037 A.3"],
)
def test_a_key_is_named_by_the_printed_thumbprint(algorithm, jwk, thumbprint):
    (key,) = parse_keys(json.dumps(jwk), algorithm)
    assert key.kid == thumbprint
