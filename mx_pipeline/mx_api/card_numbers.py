"""
A card number that somebody typed into a free text: all of it but the last four digits is masked at the door.

What looks like one is checked by its first digits, its length and its check digit (Luhn), so that an invoice
number or a telephone number stays.
"""

from __future__ import annotations

import re

from mx_pipeline.records import Json

SHORTEST = 13
"""Digits of the shortest card number; a shorter text is not looked at."""
DIGITS_SHOWN = 4

_CANDIDATE = re.compile(r"[0-9](?:[ .-]?[0-9]){12,}")
_GROUPS = re.compile(r"([ .-])")
_ISSUED = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5]|2[2-7])[0-9]{14}|(?:50|5[6-9]|6[0-9])[0-9]{11,17}"  # Mastercard, Maestro, Discover, UnionPay
    r"|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|35[0-9]{14}"  # American Express, Diners, JCB
)
_AS_DIGITS = bytes(ord("9" if chr(byte) in "0123456789 .-" else "x") for byte in range(256))
_LONG_RUN = b"9" * SHORTEST
_LONG_NUMBER = 10 ** (SHORTEST - 1)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def may_be_in(raw: bytes, *ids: int) -> bool:
    """Are there more long runs of digits than its ids? 1 µs a kB; looking at each text takes six."""
    return raw.translate(_AS_DIGITS).count(_LONG_RUN) > sum(mx_id >= _LONG_NUMBER for mx_id in ids)


def is_in(text: str) -> bool:
    """May one be in it? Quick for nearly all texts: they are short, or hold few digits."""
    return len(text) >= SHORTEST and _CANDIDATE.search(text) is not None


def is_within(value: Json) -> bool:
    """The same, for every text of a JSON value."""
    if isinstance(value, str):
        return len(value) >= SHORTEST and _CANDIDATE.search(value) is not None
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            # Most are short texts and numbers, for which a call costs more than the question.
            if isinstance(each, str):
                if len(each) >= SHORTEST and _CANDIDATE.search(each) is not None:
                    return True
            elif isinstance(each, (dict, list)) and each and is_within(each):
                return True
    return False


def masked(text: str) -> str:
    """The same text where there is none."""
    return _CANDIDATE.sub(_mask, text)


def masked_within(value: Json) -> Json:
    """The same, in every text of a JSON value."""
    match value:
        case str():
            return masked(value)
        case dict():
            return {key: masked_within(member) for key, member in value.items()}
        case list():
            return [masked_within(item) for item in value]
        case _:
            return value


def _mask(found: re.Match[str]) -> str:
    """Any groups that together are one; a number beside it is none of its digits."""
    parts = _GROUPS.split(found[0])
    first = 0
    while first < len(parts):
        last = next((end for end in range(first, len(parts), 2) if _is_one(parts[first : end + 1 : 2])), None)
        if last is None:
            first += 2
            continue
        written = "".join(parts[first : last + 1])
        parts[first : last + 1] = [re.sub("[0-9]", "*", written[:-DIGITS_SHOWN]) + written[-DIGITS_SHOWN:]]
        first += 2
    return "".join(parts)


def _is_one(groups: list[str]) -> bool:
    number = "".join(groups)
    return _ISSUED.fullmatch(number) is not None and _has_check_digit(number)


def _has_check_digit(number: str) -> bool:
    backwards = [int(digit) for digit in reversed(number)]
    return (sum(backwards[::2]) + sum(_DOUBLED[digit] for digit in backwards[1::2])) % 10 == 0
