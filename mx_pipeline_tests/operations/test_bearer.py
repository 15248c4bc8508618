"""Who somebody is, by a token: ours, or an issuer's; everything else is nobody, and says what to do."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mx_pipeline.access import OPERATOR
from mx_pipeline.addresses import Issuer
from mx_pipeline.errors import AccessDenied, BadSettings
from mx_pipeline.operations import identity
from mx_pipeline.operations.bearer import LONGEST_TOKEN, person_of
from mx_pipeline.operations.border import ExitCode
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.people import set_user_active
from mx_pipeline.warehouse.tokens import WRITTEN, revoke_token
from mx_pipeline_tests.fakes.people import has_person, has_person_as, token_of
from mx_pipeline_tests.fakes.small_issuer import AUDIENCE, SmallIssuer, small_issuer
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here


@pytest.fixture
def issuer() -> Iterator[SmallIssuer]:
    identity.keys_of.cache_clear()
    with small_issuer() as issuing:
        yield issuing


@pytest.fixture
def kim(warehouse: WarehouseUnderTest) -> str:
    return has_person(warehouse, "Kim@clinic.example")


def who(warehouse: WarehouseUnderTest, token: str, issuer: SmallIssuer | None = None) -> str:
    trusted = None if issuer is None else Issuer(issuer.url, AUDIENCE)
    return person_of(token, trusted, warehouse.app)


def refusal(warehouse: WarehouseUnderTest, token: str, issuer: SmallIssuer | None = None) -> str:
    with pytest.raises(AccessDenied) as denied:
        who(warehouse, token, issuer)
    if len(token) > 20:
        assert token not in str(denied.value)
    return str(denied.value)


def test_our_own_token_says_who_somebody_is_and_is_kept_as_a_hash(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer
) -> None:
    token = token_of(warehouse, kim)

    assert who(warehouse, token) == who(warehouse, token, issuer) == kim
    found = WRITTEN.fullmatch(token)
    assert found
    assert warehouse.value("SELECT secret_hash FROM mx.user_tokens").tobytes() == (
        hashlib.sha256(found[3].encode()).digest()
    )
    assert found[3] not in warehouse.everything(but="nothing")
    assert warehouse.value("SELECT last_used_at > now() - interval '1 minute' FROM mx.user_tokens")


def test_a_token_that_is_not_exactly_as_issued_is_nobodys(warehouse: WarehouseUnderTest, kim: str) -> None:
    token, other = token_of(warehouse, kim), token_of(warehouse, kim)
    wrong = [
        token[:-1],
        token + "A",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "_".join([*token.split("_")[:2], "_".join(other.split("_")[2:])]),
        token.replace("mxp_", "mxi_"),
        "mxp_" + "0" * 32 + "_" + "A" * 43,
        "",
        "x" * (LONGEST_TOKEN + 1),
    ]

    for text in wrong:
        assert "oken" in refusal(warehouse, text)


def test_s15_a_token_that_ended_says_so_and_what_to_do(warehouse: WarehouseUnderTest, kim: str) -> None:
    revoked, expired, good = (token_of(warehouse, kim) for _ in range(3))
    with warehouse.app.everyone(person=kim) as session:
        revoke_token(session, str(WRITTEN.fullmatch(revoked)[2]))  # pyright: ignore[reportOptionalSubscript]
    warehouse.damage(
        "UPDATE mx.user_tokens SET expires_at = now() WHERE id = CAST(:id AS uuid)", id=expired.split("_")[1]
    )

    assert "was revoked" in refusal(warehouse, revoked)
    assert "has expired" in refusal(warehouse, expired)
    assert who(warehouse, good) == kim
    with warehouse.app.everyone(person=OPERATOR) as session:
        set_user_active(session, kim, is_active=False)
    assert "users activate" in refusal(warehouse, good)


def test_nobody_ends_anothers_token(warehouse: WarehouseUnderTest, kim: str) -> None:
    token = token_of(warehouse, kim)
    other = has_person(warehouse, "other@clinic.example")

    with warehouse.app.everyone(person=other) as session:
        assert revoke_token(session, token.split("_")[1]) is None
    assert who(warehouse, token) == kim


def test_the_issuers_token_is_taken_by_its_verified_address_and_then_by_its_subject(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer
) -> None:
    first = who(warehouse, issuer.token(), issuer)
    moved = who(warehouse, issuer.token(email="new@elsewhere.example", email_verified=False), issuer)

    assert first == moved == kim
    # The address has gone to somebody else, who is somebody else.
    assert "does not" in refusal(warehouse, issuer.token(sub="43"), issuer)


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": "true"}, {"email": None}])
def test_an_address_that_the_issuer_has_not_verified_is_nobodys(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer, claims: dict[str, Any]
) -> None:
    assert "does not" in refusal(warehouse, issuer.token(**claims), issuer)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": -31}, "has expired"),
        ({"exp": None}, "MissingRequiredClaim"),
        ({"nbf": 90}, "ImmatureSignature"),
        ({"iss": "https://other.example"}, "InvalidIssuer"),
        ({"iss": None}, "Issuer|MissingRequiredClaim"),
        ({"aud": "another"}, "InvalidAudience"),
        ({"aud": None}, "MissingRequiredClaim"),
        ({"sub": None}, "MissingRequiredClaim"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer, claims: dict[str, Any], words: str
) -> None:
    now = int(time.time())
    moved = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}

    message = refusal(warehouse, issuer.token(**moved), issuer)

    assert any(word in message for word in words.split("|")), message


def test_two_clocks_may_differ_a_little(warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer) -> None:
    now = int(time.time())

    assert who(warehouse, issuer.token(exp=now - 10, nbf=now + 10), issuer) == kim


def test_another_signature_is_refused(warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer) -> None:
    public = issuer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "first"})
    by_another = issuer.token(key=rsa.generate_private_key(65537, 2048))
    # HMAC with the published key as its secret; the library itself refuses to make one.
    by_public_key = _signed_with_hmac(claims, pem)
    altered = issuer.token()
    head, body, signature = altered.split(".")

    assert "signed in a way" in refusal(warehouse, unsigned, issuer)
    assert "signed in a way" in refusal(warehouse, by_public_key, issuer)
    assert "InvalidSignature" in refusal(warehouse, by_another, issuer)
    assert "InvalidSignature" in refusal(warehouse, f"{head}.{body[:-4]}AAAA.{signature}", issuer)
    assert "another kind" in refusal(warehouse, issuer.token(header={"alg": "RS512"}), issuer)
    for garbage in ("a.b.c", "....", "eyJ", "\x00", "[" * 8000):
        refusal(warehouse, garbage, issuer)


def test_a_secret_among_the_published_keys_is_not_a_key(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer
) -> None:
    issuer.extra_keys = [{"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "alg": "HS256"}, {"kty": "new"}]

    assert who(warehouse, issuer.token(), issuer) == kim
    forged = issuer.token(header={"kid": "shared"})
    assert "does not publish" in refusal(warehouse, forged, issuer)


def test_a_new_key_is_asked_for_once_and_a_guesser_does_not_make_us_ask_again(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer
) -> None:
    assert who(warehouse, issuer.token(), issuer) == kim
    issuer.rotates("second", curve=True)
    asked = len(issuer.asked)

    assert "does not publish" in refusal(warehouse, issuer.token(), issuer)
    assert len(issuer.asked) == asked
    identity.keys_of(Issuer(issuer.url, AUDIENCE)).ask_again_seconds = -1
    assert who(warehouse, issuer.token(), issuer) == kim
    assert len(issuer.asked) == asked + 2


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ],
)
def test_an_issuer_that_points_elsewhere_is_not_believed(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer, discovery: dict[str, Any]
) -> None:
    issuer.discovery |= discovery

    assert "MX_OIDC_ISSUER" in refusal(warehouse, issuer.token(), issuer)


def test_keys_that_lie_elsewhere_without_encryption_are_not_asked_for(
    warehouse: WarehouseUnderTest, kim: str, issuer: SmallIssuer
) -> None:
    with small_issuer() as other:
        other.keys = issuer.keys
        issuer.discovery["jwks_uri"] = f"{other.url}/keys"

        assert "safe to ask" in refusal(warehouse, issuer.token(), issuer)
        assert other.asked == []


def test_an_issuer_that_is_away_lets_nobody_in(warehouse: WarehouseUnderTest, kim: str) -> None:
    identity.keys_of.cache_clear()
    with small_issuer() as issuer:
        token = issuer.token()

    assert "could not be asked" in refusal(warehouse, token, issuer)


@pytest.mark.parametrize(
    "environment",
    [
        {"MX_OIDC_ISSUER": "http://login.example.com", "MX_OIDC_AUDIENCE": "x"},
        {"MX_OIDC_ISSUER": "https://login.example.com"},
        {"MX_OIDC_AUDIENCE": "x"},
        {"MX_OIDC_ISSUER": "login.example.com", "MX_OIDC_AUDIENCE": "x"},
        {"MX_OIDC_ISSUER": "https://user@login.example.com", "MX_OIDC_AUDIENCE": "x"},
    ],
)
def test_an_issuer_has_to_be_safe_to_ask(environment: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="MX_OIDC_"):
        Settings.from_environment(environment)


def test_a_token_is_shown_once_and_never_by_a_setting(here: Here, warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    has_person_as(warehouse, "tenant_owner", email="kim@clinic.example")
    issued = here("users", "token", "kim@clinic.example", "--days", 3)
    token = issued.out.strip()

    listed = here("users", "tokens", "kim@clinic.example", "--json", MX_TOKEN=token)
    (one,) = listed.answer["tokens"]
    revoked = here("users", "revoke-token", one["id"], MX_TOKEN=token)
    after = here("users", "tokens", "kim@clinic.example", MX_TOKEN=token)

    assert WRITTEN.fullmatch(token)
    assert (one["state"], revoked.code, after.code) == ("good", 0, ExitCode.DENIED)
    assert token.split("_", 2)[2] not in listed.out + repr(Settings.from_environment({"MX_TOKEN": token}))
    assert warehouse.rows("SELECT action FROM mx.audit_log WHERE action LIKE 'token.%' ORDER BY at") == [
        ("token.issued",),
        ("token.revoked",),
    ]


def _signed_with_hmac(claims: dict[str, Any], secret: bytes) -> str:
    import base64
    import hmac
    import json

    def encoded(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    head = encoded(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "first"}).encode())
    body = encoded(json.dumps(claims).encode())
    return f"{head}.{body}.{encoded(hmac.digest(secret, f'{head}.{body}'.encode(), 'sha256'))}"
