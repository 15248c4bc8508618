"""The vendor of the canary: the synthetic MX at the canary's own address, for the length of one look."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from mx_pipeline.errors import LocalFailed
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.synthetic_mx.keys import derived_key

FIRST_PAYMENTS = 5
"""Each later day adds one; the same number makes the same payments."""
SEED = 1


@dataclass(frozen=True)
class Newest:
    """The payment that came last, as the vendor knows it."""

    payment_id: int
    amount: Decimal
    status: str
    client_reference: str


@dataclass(frozen=True)
class CanaryVendor:
    """What the vendor has."""

    mx: SyntheticMx

    def says(self, merchant_id: int, word: str) -> Newest:
        """Put this word into that merchant's newest payment; returns it as it is from now on."""
        (row, *_) = self.mx.whole_list(merchant_id, "payments")
        self.mx.change_payment(merchant_id, int(row["id"]), clientReference=word)
        (row, *_) = self.mx.whole_list(merchant_id, "payments")
        return Newest(int(row["id"]), Decimal(str(row["amount"])), row["status"], row["clientReference"])


def key_of(merchant_id: int) -> tuple[str, str]:
    """The key and the secret that this vendor takes: no secret, for it has no clinic's data."""
    key = derived_key(merchant_id, SEED)
    return key.consumer_key, key.consumer_secret


@contextmanager
def canary_vendor(url: str, payments: Mapping[int, int]) -> Generator[CanaryVendor]:
    """With so many payments of each merchant, the latest ones just received. Raises LocalFailed."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    try:
        opened = SyntheticMx.in_thread(host=host, port=port)
        mx = opened.__enter__()
    except OSError as error:
        raise LocalFailed(
            f"the canary's vendor cannot listen on {host} port {port}; another canary may be under way, or choose "
            "another port in MX_CANARY_URL, for the workers too"
        ) from error
    try:
        for merchant_id, number in payments.items():
            mx.add_merchant(merchant_id, seed=SEED, payments=FIRST_PAYMENTS)
            if number > FIRST_PAYMENTS:
                mx.receives(merchant_id, payments=number - FIRST_PAYMENTS)
        yield CanaryVendor(mx)
    finally:
        opened.__exit__(None, None, None)
