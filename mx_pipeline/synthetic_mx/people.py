"""
Invented customers and their cards, each with canary words, so that one grep shows where a secret went.
"""

from functools import lru_cache
from typing import Final

import msgspec

from mx_pipeline.synthetic_mx.dice import mix

TOKEN_CANARY: Final = "CANARYTOKEN"  # noqa: S105 - a word to grep for
CARD_ID_CANARY: Final = "CANARYCARDID"
HOLDER_CANARY: Final = "CANARYHOLDER"
ADDRESS_CANARY: Final = "CANARYADDRESS"
ACCESS_CODE_CANARY: Final = "CNRY"
BAR_CODE_CANARY: Final = "CANARYBARCODE"
NAME_CANARY: Final = "Synth"
CANARIES: Final = (
    TOKEN_CANARY,
    CARD_ID_CANARY,
    HOLDER_CANARY,
    ADDRESS_CANARY,
    ACCESS_CODE_CANARY,
    BAR_CODE_CANARY,
)
"""Never allowed past the client's door. Names (`NAME_CANARY`) are allowed in the people tables only."""

FIRST_NAMES: Final = (
    "Pat", "Sam", "Alex", "Robin", "Kim", "Jo", "Noa", "Ari", "Zoë", "Renée", "Łucja", "Søren", "Mary-Jo",
    "Chris",
)  # fmt: skip
SURNAMES: Final = (
    "Synthington", "O'Synth", "Synthová", "Synth-Example", "Synthberg", "Synth 🌵", "Synthman  ", "D'Synthia",
    "Synthez Sample", "Synth مثال", "Synthøy", "Synthelle", "Synthe\u0301", "Synthwood, Jr.",
)  # fmt: skip
CARD_TYPES: Final = ("Visa", "Visa", "Visa", "MasterCard", "MasterCard", "American Express", "Discover")


class Person(msgspec.Struct, frozen=True, gc=False):
    """A customer with the one card that every payment of theirs uses."""

    id: int
    name: str
    code: str
    token: str
    card_id: str
    card_type: str
    last4: str
    expiry_month: str
    expiry_year: str
    is_debit: bool
    is_corp: bool
    street: str
    zip: str


@lru_cache(maxsize=32_768)
def person(seed: int, number: int) -> Person:
    """Customer `number` of the merchant with this seed."""
    bits = mix(seed, number, 0x9E0)
    more = mix(bits)
    first = FIRST_NAMES[bits % len(FIRST_NAMES)]
    last = SURNAMES[(bits >> 8) % len(SURNAMES)]
    return Person(
        id=40_000_000 + seed % 97 * 100_000 + number,
        name=f"{first} {last}",
        code=f"05{bits >> 24:010X}"[:12],
        token=f"P{TOKEN_CANARY}{more:020X}",
        card_id=f"{CARD_ID_CANARY}{more ^ bits:016X}",
        card_type=CARD_TYPES[(bits >> 16) % len(CARD_TYPES)],
        last4=f"{more % 10_000:04d}",
        expiry_month=f"{1 + (more >> 20) % 12:02d}",
        expiry_year=f"{27 + (more >> 30) % 5}",
        is_debit=bool(more >> 40 & 1),
        is_corp=not more >> 41 & 15,
        street=f"{1 + number % 999} {ADDRESS_CANARY} St",
        zip=f"000{number % 100:02d}",
    )
