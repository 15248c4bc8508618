"""Text that a spreadsheet must not take for a formula (CWE-1236), and how to have it back."""

from __future__ import annotations

import unicodedata

MARK = "'"
"""Put before such a text; before a text that begins with it as well, so that taking one away is always right."""
BEGINS_A_FORMULA = frozenset("=+-@|%\u2212")
BEGINS_A_CELL = ("\t", "\r", "\n")


def neutral(text: str) -> str:
    """The same text, with a mark before it where a spreadsheet could read it as a formula."""
    if not text or (text[0].isascii() and text[0].isalnum()):
        return text
    return MARK + text if _is_dangerous(text) else text


def original(text: str) -> str:
    """What the text was before `neutral`."""
    return text.removeprefix(MARK)


def _is_dangerous(text: str) -> bool:
    if text.startswith((MARK, *BEGINS_A_CELL)):
        return True
    for character in text:
        # Spreadsheets skip what nobody sees, and take the wide forms for the plain ones.
        if unicodedata.category(character)[0] in "ZC":
            continue
        return unicodedata.normalize("NFKC", character)[0] in BEGINS_A_FORMULA
    return False
