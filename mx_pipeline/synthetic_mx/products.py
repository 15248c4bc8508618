"""
What an invented clinic sells, and which of an invoice's lines is its main product (mx_api.md 5.3).
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from mx_pipeline.synthetic_mx.facts import Line

CATALOGUE: Final = (
    ("TRT Monthly - Testosterone Plan", "Testosterone Plan", 19_900),
    ("Semaglutide 2.5mg/0.5ml", "Weight loss, 4 weeks", 29_900),
    ("Plan A - Plan A", "Plan A", 20_000),
    ("Tirzepatide + B12  ", "Weight loss", 37_450),
    ("NAD+ 500mg", "Peptide", 25_000),
    ("BPC-157 / TB-500", "Peptide blend", 18_975),
    ("Sermorelin", "Peptide", 21_505),
    ("Tadalafil 5mg ", "ED", 7_550),
    ("Lab panel No. 3 - Lab panel No. 3 ", "Lab panel", 9_995),
    ("Wellness 🌿 Pack", "Vitamins", 6_020),
    ("חבילת בדיקה", "Right to left", 11_000),
    ("TRT + HCG", "Testosterone Plan", 23_330),
    ("Lipo-C. 10ml", None, 5_075),
    ("Office visit", "Visit", 12_500),
    ("Shipping & handling", None, 1_500),
    ("Membership", "Membership", 4_900),
    ("   ", None, 3_300),
)
RARE_ENTRIES: Final = 1
"""The last entry, a name that is empty once trimmed, is sold to one invoice in 500 only."""


def lines_sold(roll: Callable[[], float], price_step: int) -> tuple[Line, ...]:
    """The lines of one invoice: mostly one, up to five, rarely none or very many."""
    luck = roll()
    if luck < 0.80:
        return (_line(roll, price_step),)
    if luck >= 0.998:
        return () if luck < 0.9993 else tuple(_line(roll, price_step) for _ in range(20 + int(roll() * 181)))
    wanted = 2 if luck < 0.91 else 3 if luck < 0.96 else 4 if luck < 0.985 else 5
    lines = [_line(roll, price_step) for _ in range(wanted)]
    quirk = roll()
    if quirk < 0.15:
        # A tie: the first line must win it, so the second costs the same under another name.
        first, second = lines[0], lines[1]
        lines[1] = Line(second.name, second.description, second.product_id, 1, first.total, first.total)
    elif quirk < 0.20 and wanted > 2:
        lines[-1] = Line("Loyalty credit", None, None, None, -1_000, -1_000)
    return tuple(lines)


def _line(roll: Callable[[], float], price_step: int) -> Line:
    choice = int(roll() * (len(CATALOGUE) - RARE_ENTRIES))
    luck = roll()
    if luck < 0.002:
        choice = len(CATALOGUE) - 1
    name, description, price = CATALOGUE[choice]
    price += price_step
    if luck < 0.94:
        return Line(name, description, 700_001 + choice, 1, price, price)
    if luck < 0.97:
        return Line(name, description, 700_001 + choice, None, price, price)
    if luck < 0.985:
        return Line(name, description, None, 1, price, price)
    return Line(name, description, 700_001 + choice, 2, price, 2 * price)


def main_product(lines: Iterable[tuple[str | None, int | Decimal]]) -> str | None:
    """The line with the strictly greatest total, the first of equals; its name trimmed, or None."""
    best: str | None = None
    greatest: int | Decimal | None = None
    for name, total in lines:
        if greatest is None or total > greatest:
            best, greatest = name, total
    return (best or "").strip() or None
