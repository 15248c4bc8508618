"""
Fields given by hand, laid over a computed body. It does not know what they mean.
"""

from typing import Any, Final

WITHOUT: Final = "without"
"""The arranged entry that lists fields to leave out; a None given to a field is shown as JSON null."""


def as_arranged(body: dict[str, Any], shown: dict[str, Any], *, never: frozenset[str]) -> dict[str, Any]:
    body.update({k: value for k, value in shown.items() if k != WITHOUT and k not in never})
    for field in shown.get(WITHOUT, ()):
        body.pop(field, None)
    return body
