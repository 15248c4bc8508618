"""Whether the process lives, and whether it can work: for whoever watches it."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does the process answer?")
async def healthz() -> dict[str, str]:
    """Touches nothing; red only where the process itself hangs."""
    return {"status": "ok"}
