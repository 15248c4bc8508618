"""A process that opens keys leaves no image of its memory behind, however it ends."""

from __future__ import annotations

import resource


def leave_no_core_dump() -> None:
    """Of this process and those that it starts; nobody can raise it again."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
