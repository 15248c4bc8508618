"""Replaces the sealing key while syncs run: what the previous key sealed, the current one seals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mx_pipeline.errors import SealBroken
from mx_pipeline.sealing import Sealer
from mx_pipeline.warehouse.administering import as_owner
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.logins import Logins
from mx_pipeline.warehouse.merchants import KEY, SECRET

RESEALED_AT_ONCE = 100
"""A few milliseconds of AES; for so long none of them can be paused or given another key."""


@dataclass(frozen=True)
class Resealed:
    """What the current key seals now, and what it could not."""

    merchants: int
    from_keys: tuple[str, ...]
    unopened: tuple[int, ...]
    """Sealed with a key that is not here, or changed: a person has to enter these anew."""


def sealed_with(logins: Logins) -> dict[str, int]:
    """Key id to the number of merchants that it seals."""
    with as_owner(logins) as session:
        return {row.sealing_key_id: row.merchants for row in session.run("keys", "sealed_with")}


def connections_without(logins: Logins) -> int:
    """Open connections of processes that do not know the current key, and would be locked out."""
    with as_owner(logins) as session:
        return session.one("keys", "who_knows_another_key", current=logins.key.key_id)[0]


def reseal(logins: Logins, sealer: Sealer) -> Resealed:
    """Seal every merchant's key with the current sealing key; what is done stays done, so it can be begun again."""
    done, after = 0, 0
    from_keys: set[str] = set()
    unopened: list[int] = []
    while True:
        with as_owner(logins) as session:
            rows = session.run(
                "keys", "sealed_otherwise", current=sealer.current.key_id, after=after, most=RESEALED_AT_ONCE
            ).all()
            for row in rows:
                if _reseal_one(session, sealer, row):
                    from_keys.add(row.sealing_key_id)
                    done += 1
                else:
                    unopened.append(row.merchant_id)
        if not rows:
            return Resealed(done, tuple(sorted(from_keys)), tuple(unopened))
        after = rows[-1].merchant_id


def _reseal_one(session: Session, sealer: Sealer, row: Any) -> bool:
    sealed: dict[str, object] = {}
    for name in (KEY, SECRET):
        try:
            plain = sealer.open(
                bytes(getattr(row, name)),
                merchant_id=row.merchant_id,
                name=name,
                key_id=row.sealing_key_id,
            )
        except SealBroken:
            return False
        sealed[name] = sealer.seal(plain, merchant_id=row.merchant_id, name=name)
    session.run("keys", "reseal", merchant_id=row.merchant_id, sealing_key_id=sealer.current.key_id, **sealed)
    return True
