"""
Which regular expressions a category rule may be: those that Postgres matches in time linear in the name.

Its engine runs them as automata; only a back-reference makes it search, and only large counts make the automaton
large. Those are refused here, with what the writer can do instead. Knows no database.
"""

from __future__ import annotations

import re

from mx_pipeline.errors import BadInput

MOST_CHARACTERS = 200
MOST_REPEATS = 100
MOST_STATES = 2_000
"""What counts in braces may multiply the pattern to; nested ones multiply each other."""

ESCAPED = re.compile(r"\\(.)", re.DOTALL)
BACK_REFERENCE = re.compile(r"[1-9]")
GROUP = re.compile(r"\(\?(.?.?)")
COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def check_pattern(pattern: str) -> None:
    """Raises BadInput for a pattern that could take long, or that is no pattern."""
    if not 0 < len(pattern) <= MOST_CHARACTERS:
        raise BadInput(
            f"a pattern has 1 to {MOST_CHARACTERS} characters, this one {len(pattern)}; shorten it"
        )
    if "\0" in pattern:
        raise BadInput("a pattern cannot contain the character U+0000; leave it out")
    if pattern.startswith("***"):
        raise BadInput(
            "a pattern cannot begin with ***, which would switch the kind of pattern; leave it out"
        )
    if any(BACK_REFERENCE.match(found[1]) for found in ESCAPED.finditer(pattern)):
        raise BadInput(
            r"a pattern cannot refer back to a group (\1): matching could take forever; write it out"
        )
    plain = ESCAPED.sub("_", pattern)
    for found in GROUP.finditer(plain):
        if not found[1].startswith(":"):
            raise BadInput(
                f"a pattern cannot contain {found[0]}, which looks around or sets options; upper and lower case are "
                "the same anyway; group with (?: … )"
            )
    _check_counts(plain)


def _check_counts(plain: str) -> None:
    states = len(plain)
    for found in COUNT.finditer(plain):
        count = max(int(number) for number in (found[1], found[2] or "0"))
        if count > MOST_REPEATS:
            raise BadInput(
                f"a pattern cannot repeat more than {MOST_REPEATS} times, as {found[0]} does; use + or *"
            )
        states *= max(count, 1)
        if states > MOST_STATES:
            raise BadInput(
                f"the counts in this pattern multiply to more than {MOST_STATES} states; use + or *"
            )
