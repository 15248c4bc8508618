"""Keeps what MX rings with: many notifications in one transaction, through a login that can do nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mx_pipeline.warehouse.connections import Opening, Session, Warehouse
from mx_pipeline.warehouse.rows import page_json

Kind: TypeAlias = Literal["record", "batch", "nothing"]

IN_A_MOMENT = Opening(limits={"lock_timeout": "2s", "idle_timeout": "5s", "statement_timeout": "5s"})
"""Whoever rings waits for the answer."""


@dataclass(frozen=True)
class Notification:
    """What one ring names. Nothing else that it says is kept."""

    key_hash: str
    """SHA-256 of the key in the address, in hex."""
    body_hash: str
    event: str
    kind: Kind
    payment_id: int | None = None
    invoice_id: int | None = None
    merchant_id: int | None = None
    """Whom the body speaks of; believed by nobody."""

    @property
    def names(self) -> str:
        """The same for all that are answered by the same fetch."""
        if self.kind != "record":
            return self.kind
        return f"payment {self.payment_id}" if self.payment_id else f"invoice {self.invoice_id}"


def receive(inbox: Warehouse, notifications: Sequence[Notification]) -> set[int]:
    """Keep them, in one transaction; the places of those with a good key. Raises WarehouseError: none is kept."""
    page = page_json(
        [
            {
                "place": place,
                "key_hash": one.key_hash,
                "body_hash": one.body_hash,
                "event": one.event,
                "kind": one.kind,
                "names": one.names,
                "payment": one.payment_id,
                "invoice": one.invoice_id,
                "merchant": one.merchant_id,
            }
            for place, one in enumerate(notifications)
        ]
    )
    with inbox.everyone(opening=IN_A_MOMENT) as session:
        return set(session.one("webhooks", "receive", notifications=page)[0])


def count_strangers(inbox: Warehouse, refused: int) -> None:
    """So many came with a key that nobody has."""
    with inbox.everyone(opening=IN_A_MOMENT) as session:
        session.run("webhooks", "count_strangers", refused=refused)


def strangers_today(session: Session) -> int:
    """How many came today with a key that nobody has; for the dispatcher."""
    rows = session.run("webhooks", "strangers", days=1).all()
    return int(rows[0].refused) if rows else 0
