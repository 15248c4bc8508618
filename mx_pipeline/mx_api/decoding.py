"""
Bytes to records, each record alone, so that one bad record never fails a page.

Fast where the vendor keeps to its ways (one typed decode and cheap checks, 10 µs a record), careful
where it does not; what neither way can take in becomes a RefusedRecord with the reason.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import msgspec

from mx_pipeline.errors import MxContractBroken
from mx_pipeline.mx_api.card_numbers import is_within, masked_within, may_be_in
from mx_pipeline.mx_api.careful import Tree, convert, known_keys_of, parse, purchases_as_sent
from mx_pipeline.mx_api.drift import Drift
from mx_pipeline.mx_api.envelope import parsed
from mx_pipeline.mx_api.number_texts import NumberTexts
from mx_pipeline.mx_api.shapes import Shape, shape_of
from mx_pipeline.mx_api.soundness import Soundness
from mx_pipeline.mx_api.values import CannotTakeIn, whole
from mx_pipeline.records import Further, Invoice, InvoiceDetail, Payment, PaymentDetail, RefusedRecord

if TYPE_CHECKING:
    from mx_pipeline.mx_api.answers import Answer, Asked
    from mx_pipeline.mx_api.number_texts import Lines

logger = logging.getLogger(__name__)

R = TypeVar("R", Payment, PaymentDetail, Invoice, InvoiceDetail, Further)

NOT_TYPED = (ValueError, TypeError, ArithmeticError, RecursionError)
"""What msgspec raises for a record that it cannot type (its own errors are ValueErrors), and Decimal for an sNaN."""
KEYS_QUOTED_AT_MOST = 100
LOOKED_INTO_EVERY = 100
"""One record in so many is compared with what was recorded of the vendor: 40 µs each, seen as drift."""

BAR_CODE = b'"barCode":"'

_encode = msgspec.json.Encoder().encode


@functools.cache
def _checks_of(record_type: type[msgspec.Struct]) -> tuple[Shape, Soundness, NumberTexts]:
    """Shared by all clients: there may be thousands."""
    shape = shape_of(record_type)
    return shape, Soundness(shape), NumberTexts(shape)


class Decoding(Generic[R]):
    """One stream's records, for one merchant."""

    def __init__(
        self, record_type: type[R], *, stream: str, merchant_id: int, keys_sent_once: tuple[str, ...]
    ) -> None:
        """`keys_sent_once`: keys that a sound record has once, at any depth; a second one is looked into."""
        self._record_type: type[R] = record_type
        self.stream = stream
        self._merchant_id = merchant_id
        self._keys_sent_once = tuple(f'"{key}"'.encode() for key in keys_sent_once)
        self._typed = msgspec.json.Decoder(record_type)
        self._shape, self._soundness, self._number_texts = _checks_of(record_type)
        self.drift = Drift()
        self._decoded = 0
        self._has_purchases: bool = issubclass(record_type, InvoiceDetail)

    def row(self, row: msgspec.Raw | object) -> R | RefusedRecord:
        """One row of a list."""
        if not isinstance(row, msgspec.Raw):
            return self._carefully(row)
        raw = bytes(row)
        record = self._fast(raw)
        if record is not None:
            self._look_into(raw)
            return record
        try:
            return self._carefully(parse(raw))
        except UnicodeDecodeError:
            return self._refused(None, "record: is not UTF-8")
        except (ValueError, RecursionError):
            return self._refused(None, "record: is not JSON that can be read")

    def detail(self, asked: Asked, answer: Answer) -> R | RefusedRecord:
        """The one record of a by-id answer."""
        record = self._fast(answer.body)
        if record is None:
            tree = parsed(asked, answer)
            if not isinstance(tree, dict) or "id" not in tree:
                raise MxContractBroken(
                    f"{asked}: MX's answer is not a record. Its API has changed; tell the maintainers."
                )
            record = self._carefully(cast("Tree", tree))
        else:
            self._look_into(answer.body)
        if not isinstance(record, RefusedRecord) and id_of(record) != asked.record_id:
            return RefusedRecord(
                stream=self.stream, mx_id=asked.record_id, reason="id: is not the one asked for"
            )
        return record

    def _look_into(self, raw: bytes) -> None:
        self._decoded += 1
        if self._decoded % LOOKED_INTO_EVERY == 1:
            with contextlib.suppress(ValueError, RecursionError):
                convert(parse(raw), self._shape, self.drift)

    def _fast(self, raw: bytes) -> R | None:
        """None where this record needs the careful way."""
        try:
            record = self._typed.decode(raw)
            if not self._soundness.passes(record) or record.merchant_id not in (None, self._merchant_id):
                return None
            has_escapes = b"\\" in raw
            if has_escapes and b"\\u0000" in raw:
                return None
            lines = self._number_texts.lines_if_sound(raw)
            if lines is None:
                return None
            looked_at = _without_bar_code(raw) if self._has_purchases else raw
            for key in self._keys_sent_once:
                if looked_at.count(key) > 1:
                    return None
            self._soundness.drop_empty_texts(record)
            if self._has_purchases:
                self._keep_lines(record, looked_at, lines, has_escapes=has_escapes)
                if may_be_in(_encode(record), *ids_within(record)):
                    self._mask_card_numbers(record)
            elif has_escapes or may_be_in(raw, id_of(record)):
                self._mask_card_numbers(record)
        except NOT_TYPED:
            return None
        return record

    def _keep_lines(self, record: R, raw: bytes, lines: Lines, *, has_escapes: bool) -> None:
        """Each line and the invoice have one total; more means that a line has two."""
        if raw.count(b'"totalAmount"') > len(lines) + 1:
            raise CannotTakeIn("purchases: may have a key twice")
        # Without an escape there is nothing that Postgres could not store, and the numbers have been looked at.
        as_sent = purchases_as_sent(lines) if has_escapes else known_keys_of(lines)
        msgspec.structs.force_setattr(record, "purchases_as_sent", as_sent)

    def _mask_card_numbers(self, record: R) -> None:
        self.drift.masked += self._soundness.mask_card_numbers(record)
        if isinstance(record, InvoiceDetail) and any(map(is_within, record.purchases_as_sent)):
            lines = tuple(map(masked_within, record.purchases_as_sent))
            msgspec.structs.force_setattr(record, "purchases_as_sent", lines)

    def _carefully(self, tree: object) -> R | RefusedRecord:
        try:
            taken = convert(tree, self._shape, self.drift)
            if taken.get("merchantId", self._merchant_id) != self._merchant_id:
                logger.error(
                    "MX answered with another merchant's record",
                    extra={"merchant_id": self._merchant_id, "stream": self.stream},
                )
                return self._refused(tree, "merchantId: is another merchant's")
            record = msgspec.convert(taken, self._record_type)
            if self._has_purchases:
                lines = purchases_as_sent(cast("Tree", tree).get("purchases"))
                msgspec.structs.force_setattr(record, "purchases_as_sent", lines)
            self._mask_card_numbers(record)
        except CannotTakeIn as reason:
            return self._refused(tree, str(reason))
        return record

    def _refused(self, tree: object, reason: str) -> RefusedRecord:
        came = cast("Tree", tree) if isinstance(tree, dict) else {}
        try:
            mx_id = whole(came.get("id"), "id", lowest=1)
        except CannotTakeIn:
            mx_id = None
        keys = (key.encode("ascii", "replace").decode()[:KEYS_QUOTED_AT_MOST] for key in came)
        return RefusedRecord(
            stream=self.stream, mx_id=mx_id, reason=reason, keys=tuple(keys)[:KEYS_QUOTED_AT_MOST]
        )


def _without_bar_code(raw: bytes) -> bytes:
    """For counting keys: half of an invoice is a picture that nobody declares, and each key would be sought in it."""
    key = raw.find(BAR_CODE)
    begin = key + len(BAR_CODE)
    end = raw.find(b'"', begin) if key >= 0 else -1
    return raw if end < 0 else raw[:begin] + raw[end:]


def ids_within(record: Payment | Invoice | Further) -> list[int]:
    """The ids that may be as long as a card number."""
    paid_by = record.payments if isinstance(record, InvoiceDetail) else ()
    return [id_of(record), *(payment.payment_id for payment in paid_by)]


def id_of(record: Payment | Invoice | Further) -> int:
    """MX's own id of a record."""
    if isinstance(record, Further):
        return record.further_id
    return record.payment_id if isinstance(record, Payment) else record.invoice_id
