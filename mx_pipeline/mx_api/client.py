"""The vendor's read API for one merchant: lists as walks, details as records, every answer judged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from mx_pipeline.errors import BadSettings
from mx_pipeline.mx_api.answers import Asked
from mx_pipeline.mx_api.calls import CallLimits, Endpoint, OpenGate, heard_by_nobody
from mx_pipeline.mx_api.credential import Credential
from mx_pipeline.mx_api.decoding import Decoding
from mx_pipeline.mx_api.envelope import open_envelope
from mx_pipeline.mx_api.in_the_air import Question
from mx_pipeline.mx_api.one_host import POOL_SIZE
from mx_pipeline.mx_api.page import Ask
from mx_pipeline.mx_api.paging import Pages, nothing_follows
from mx_pipeline.mx_api.side_by_side import SideBySide
from mx_pipeline.mx_api.transport import Transport
from mx_pipeline.records import Further, Invoice, InvoiceDetail, Payment, PaymentDetail, RefusedRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from mx_pipeline.mx_api.answers import Answer
    from mx_pipeline.mx_api.calls import Gate, OnCall
    from mx_pipeline.mx_api.envelope import Envelope

D = TypeVar("D", PaymentDetail, InvoiceDetail)

API_PATH = "/checkout/v3/"
PAYMENTS_PER_PAGE = 1000
"""The largest page that public clients of the vendor ask for (`mx_api.md` 2.0)."""
INVOICES_PER_PAGE = 500
FURTHER_PER_PAGE = 500


class MxClient:
    """One merchant's window on MX Merchant. Safe to share among up to 32 threads."""

    def __init__(
        self,
        *,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        merchant_id: int,
        limits: CallLimits | None = None,
        on_call: OnCall = heard_by_nobody,
        gate: Gate | None = None,
        sleep: Callable[[float], None] = time.sleep,
        ca_file: Path | None = None,
        key_now: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        """`base_url`: scheme and host; `sleep`: waits between tries; `ca_file`: instead of certifi's.

        `key_now`: the merchant's key and secret as they are by now; asked when the one in use is refused.
        """
        credential = Credential(consumer_key, consumer_secret)
        # A traceback with locals of what follows must not show them.
        del consumer_key, consumer_secret
        self.merchant_id = merchant_id
        self.limits = limits or CallLimits()
        self._base_url = _scheme_and_host(base_url)
        self._gate = gate or OpenGate()
        self._transport = Transport(
            base_url=self._base_url,
            credential=credential,
            limits=self.limits,
            gate=self._gate,
            on_call=on_call,
            sleep=sleep,
            ca_file=ca_file,
            key_now=key_now,
        )
        self._payments = Decoding(
            Payment,
            stream="payments",
            merchant_id=merchant_id,
            keys_sent_once=("id", "amount", "status"),
        )
        self._payment_details = Decoding(
            PaymentDetail,
            stream="payment_details",
            merchant_id=merchant_id,
            keys_sent_once=("created", "amount", "status"),
        )
        self._invoices = Decoding(
            Invoice,
            stream="invoices",
            merchant_id=merchant_id,
            keys_sent_once=("id", "invoiceNumber", "status", "totalAmount"),
        )
        # Its purchases and payments have `id`, `created` and `status` of their own.
        self._invoice_details = Decoding(
            InvoiceDetail,
            stream="invoice_details",
            merchant_id=merchant_id,
            keys_sent_once=("invoiceNumber", "paidAmount"),
        )
        self._further: dict[str, Decoding[Further]] = {}

    def __repr__(self) -> str:
        """Whose and where; never the key."""
        return f"MxClient(merchant_id={self.merchant_id}, base_url={self._base_url!r})"

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    @property
    def most_in_flight(self) -> int:
        """As many threads are worth calling with; the gate decides how many of them really call."""
        return min(self._gate.ceiling, POOL_SIZE)

    def close(self) -> None:
        """Closes the connections that are kept open."""
        self._transport.close()

    def renew_key(self) -> None:
        """Call with the merchant's key as it is by now, from the next call on."""
        self._transport.renew_key()

    def drift(self) -> tuple[dict[str, int], int]:
        """How often which field was not as recorded, and how many texts had characters replaced."""
        counts = {
            f"{each.stream}.{field}": times
            for each in self._streams()
            for field, times in each.drift.counts.items()
        }
        return counts, sum(each.drift.replaced for each in self._streams())

    def masked_card_numbers(self) -> int:
        """In how many texts somebody had typed a card number."""
        return sum(each.drift.masked for each in self._streams())

    def _streams(self) -> tuple[Decoding[Any], ...]:
        known = (self._payments, self._payment_details, self._invoices, self._invoice_details)
        return (*known, *self._further.values())

    def list_payments(
        self,
        *,
        page_size: int = PAYMENTS_PER_PAGE,
        limit: int | None = None,
        offset: int = 0,
        pages_ahead: int = 0,
        on_end: Callable[[], None] = nothing_follows,
    ) -> Pages[Payment]:
        """The payments, newest first; nothing is asked before the first page is taken."""
        return Pages(
            lambda ask: self._list("payment_list", "payment", ask),
            self._payments.row,
            page_size=page_size,
            limit=limit,
            offset=offset,
            pages_ahead=pages_ahead,
            on_end=on_end,
        )

    def list_invoices(
        self,
        *,
        page_size: int = INVOICES_PER_PAGE,
        limit: int | None = None,
        offset: int = 0,
        pages_ahead: int = 0,
    ) -> Pages[Invoice]:
        """The invoices, newest first; nothing is asked before the first page is taken, or the walk begun."""
        return Pages(
            lambda ask: self._list("invoice_list", "invoice", ask),
            self._invoices.row,
            page_size=page_size,
            limit=limit,
            offset=offset,
            pages_ahead=pages_ahead,
        )

    def list_further(
        self, path: str, record: type[Further], *, stream: str, page_size: int = FURTHER_PER_PAGE
    ) -> Pages[Further]:
        """The records of another list; `path` follows `/checkout/v3/`."""
        decoding = self._further.setdefault(
            stream, Decoding(record, stream=stream, merchant_id=self.merchant_id, keys_sent_once=("id",))
        )
        return Pages(
            lambda ask: self._list("further_list", path, ask),
            decoding.row,
            page_size=page_size,
            limit=None,
            offset=0,
        )

    def get_payment(self, payment_id: int) -> PaymentDetail | RefusedRecord:
        """One payment with its invoice ids; raises MxNotFound where it is absent or another merchant's."""
        return self._transport.get(self._one_payment(payment_id))

    def get_invoice(self, invoice_id: int) -> InvoiceDetail | RefusedRecord:
        """One invoice with its purchases; raises MxNotFound where it is absent or another merchant's."""
        return self._transport.get(self._one_invoice(invoice_id))

    def payments_side_by_side(self) -> SideBySide[PaymentDetail | RefusedRecord]:
        """Many payments, each asked for alone."""
        return SideBySide(self._transport, self._one_payment, most=self.most_in_flight)

    def invoices_side_by_side(self) -> SideBySide[InvoiceDetail | RefusedRecord]:
        """Many invoices, each asked for alone."""
        return SideBySide(self._transport, self._one_invoice, most=self.most_in_flight)

    def check_credentials(self) -> None:
        """Ask for one invoice, as the vendor's own practice is; raises where the key is not good for this merchant."""
        self._list("credentials", "invoice", Ask("walk", 0, 1))

    def _list(self, endpoint: Endpoint, path: str, ask: Ask) -> Envelope:
        asked = Asked(endpoint)

        def read(answer: Answer) -> Envelope:
            return open_envelope(asked, answer)

        query = f"merchantId={self.merchant_id}&limit={ask.limit}&offset={ask.offset}"
        return self._transport.get(Question(asked, f"{API_PATH}{path}?{query}", read))

    def _one_payment(self, payment_id: int) -> Question[PaymentDetail | RefusedRecord]:
        return self._one("payment_detail", "payment", payment_id, self._payment_details)

    def _one_invoice(self, invoice_id: int) -> Question[InvoiceDetail | RefusedRecord]:
        return self._one("invoice_detail", "invoice", invoice_id, self._invoice_details)

    def _one(
        self, endpoint: Endpoint, path: str, mx_id: int, decoding: Decoding[D]
    ) -> Question[D | RefusedRecord]:
        asked = Asked(endpoint, mx_id)

        def read(answer: Answer) -> D | RefusedRecord:
            return decoding.detail(asked, answer)

        return Question(asked, f"{API_PATH}{path}/{mx_id}?merchantId={self.merchant_id}", read)


def _scheme_and_host(base_url: str) -> str:
    """Only that: a path would be doubled, and a user or a query would be sent to MX and written to logs."""
    parts = urlsplit(base_url)
    is_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or is_more:
        raise BadSettings(
            "The URL of MX's API is a scheme and a host, such as https://api.mxmerchant.com, no more."
        )
    return f"{parts.scheme}://{parts.netloc}"
