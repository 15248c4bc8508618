"""The commands of docs/deploying.md, as they stand there, but for the ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
PAGE = PROJECT / "docs" / "deploying.md"
BLOCK = re.compile(r"^```bash ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(ports: Mapping[str, int]) -> dict[str, str]:
    """Name to text; in each the ports that the page names are those that are free here."""
    blocks = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    for named, free in ports.items():
        blocks = {name: re.sub(rf"\b{named}\b", str(free), text) for name, text in blocks.items()}
    return blocks
