"""
Seals a merchant's API key so that it opens only with our key and only in that merchant's row.

AES-256-GCM; the associated data name the merchant, the field and the sealing key, so a
ciphertext copied to another row does not open. Passwords of the database's login roles are
derived from the same key (HKDF-SHA256), so that one secret is enough to run everything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mx_pipeline.errors import BadSettings, SealBroken

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_LENGTH = 8


@dataclass(frozen=True)
class SealingKey:
    """32 secret bytes, known by the first eight hex digits of their hash."""

    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """What is stored beside a ciphertext, to find the key again during rotation."""
        return hashlib.sha256(b"mx_pipeline sealing key id" + self.secret).hexdigest()[:KEY_ID_LENGTH]

    @classmethod
    def from_base64(cls, text: str, *, variable: str = "MX_SEALING_KEY") -> SealingKey:
        """Read a key as an environment variable gives it. Raises BadSettings."""
        try:
            secret = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise BadSettings(
                f"{variable} must be {KEY_BYTES} bytes in base64 (44 characters). Make one with: "
                'python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
            )
        return cls(secret)

    @classmethod
    def generate(cls) -> SealingKey:
        """A new random key."""
        return cls(os.urandom(KEY_BYTES))

    def to_base64(self) -> str:
        """As `from_base64` reads it."""
        return base64.b64encode(self.secret).decode()

    def derived_password(self, role: str) -> str:
        """The password of one login role of the database: 43 URL-safe characters."""
        return base64.urlsafe_b64encode(self._derived(f"database login {role}")).rstrip(b"=").decode()

    def credential_name(self, consumer_key: str, base_url: str) -> str:
        """What a credential is known by where nobody may learn it: the same for the same key at the same host."""
        # The URL has no space, so no other pair makes the same bytes.
        named = hmac.new(self._derived("credential name"), f"{base_url} {consumer_key}".encode(), "sha256")
        return named.hexdigest()

    def _derived(self, purpose: str) -> bytes:
        info = f"mx_pipeline {purpose}".encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self.secret)


@dataclass(frozen=True)
class Sealer:
    """Seals with the current key, opens with the current or the previous one."""

    current: SealingKey
    previous: SealingKey | None = None

    def seal(self, plain: str, *, merchant_id: int, name: str) -> bytes:
        """Nonce and ciphertext; `name` says which secret of the merchant this is."""
        nonce = os.urandom(NONCE_BYTES)
        bound_to = _associated_data(merchant_id, name, self.current.key_id)
        return nonce + AESGCM(self.current.secret).encrypt(nonce, plain.encode(), bound_to)

    def open(self, sealed: bytes, *, merchant_id: int, name: str, key_id: str) -> str:
        """The plain secret. Raises SealBroken, which names the merchant and never the secret."""
        key = self._key(key_id)
        if key is None:
            raise SealBroken(
                f"the {name} of merchant {merchant_id} was sealed with key {key_id}, which is not here; "
                "set MX_SEALING_KEY (or MX_SEALING_KEY_PREVIOUS) to that key"
            )
        try:
            nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return (
                AESGCM(key.secret)
                .decrypt(nonce, ciphertext, _associated_data(merchant_id, name, key_id))
                .decode()
            )
        except (InvalidTag, ValueError):
            raise SealBroken(
                f"the {name} of merchant {merchant_id} does not open: it was changed, or belongs to another "
                f"merchant; enter it again with: mx-pipeline merchants set-key {merchant_id}"
            ) from None

    def _key(self, key_id: str) -> SealingKey | None:
        known = (self.current, self.previous)
        return next((key for key in known if key is not None and key.key_id == key_id), None)


def _associated_data(merchant_id: int, name: str, key_id: str) -> bytes:
    return f"mx_pipeline/v1/{merchant_id}/{name}/{key_id}".encode()
