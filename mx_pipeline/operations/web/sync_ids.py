"""The id of a sync request on the web: its merchant and its number there, so that no lookup crosses tenants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path

from mx_pipeline.errors import UnknownRequest
from mx_pipeline.words import LARGEST_MX_ID

WRITTEN = re.compile(r"([1-9][0-9]{0,18})-([1-9][0-9]{0,18})", re.ASCII)
UNKNOWN = "there is no such sync: take its id from where it was asked for, or from GET /api/syncs"


@dataclass(frozen=True)
class SyncId:
    """Which request, of which merchant."""

    merchant_id: int
    request_id: int

    def __str__(self) -> str:
        """As it stands in addresses."""
        return f"{self.merchant_id}-{self.request_id}"


def sync_id(
    sync: Annotated[
        str, Path(alias="id", max_length=40, examples=["1000000001-42"], description="Of one request.")
    ],
) -> SyncId:
    """A dependency of routes. Raises UnknownRequest."""
    found = WRITTEN.fullmatch(sync)
    if found is None or max(int(found[1]), int(found[2])) > LARGEST_MX_ID:
        raise UnknownRequest(UNKNOWN)
    return SyncId(int(found[1]), int(found[2]))


AskedId = Annotated[SyncId, Depends(sync_id)]
