"""
API key pairs in MX's formats, and which merchants each may see.
"""

from base64 import b64encode
from hashlib import blake2b

import msgspec


class KeyPair(msgspec.Struct, frozen=True):
    consumer_key: str
    consumer_secret: str


def derived_key(merchant_id: int, seed: int, generation: int = 0) -> KeyPair:
    """24 alphanumerics, and base64 with `/` and `+` that ends with `=`; the same for the same inputs."""
    digest = blake2b(f"{merchant_id} {seed} {generation}".encode(), digest_size=44).digest()
    secret = b64encode(digest[12:]).decode()
    return KeyPair(digest[:12].hex().upper(), f"{secret[:5]}/{secret[6:11]}+{secret[12:]}")


class KeyRing:
    """Known keys by the credential that HTTP Basic carries."""

    def __init__(self) -> None:
        self._merchants: dict[bytes, list[int]] = {}
        self._credentials: dict[int, set[bytes]] = {}

    def add(self, key: KeyPair, merchant_id: int) -> None:
        """One key may be bound to several merchants."""
        credential = _credential(key)
        known = self._merchants.setdefault(credential, [])
        if merchant_id not in known:
            known.append(merchant_id)
        self._credentials.setdefault(merchant_id, set()).add(credential)

    def revoke(self, merchant_id: int) -> None:
        """No key opens this merchant any more."""
        for credential in self._credentials.pop(merchant_id, ()):
            known = self._merchants[credential]
            known.remove(merchant_id)
            if not known:
                del self._merchants[credential]

    def merchants(self, authorization: bytes | None) -> list[int] | None:
        """The merchants that this Authorization header opens; None for an unknown key."""
        if authorization is None:
            return None
        scheme, _, credential = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            return None
        return self._merchants.get(credential.strip())


def _credential(key: KeyPair) -> bytes:
    return b64encode(f"{key.consumer_key}:{key.consumer_secret}".encode())
