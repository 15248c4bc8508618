"""
Everything that can go wrong, in one tree, split by the caller's only question: may I try again?

* MxPipelineError
  x MxApiError               the vendor gave no usable answer
    + MxUnavailable            ... this time; a later attempt may succeed
      - MxUnreachable            ... no connection could be made
      - MxTimedOut               ... the call's total deadline passed
      - MxBadResponse            ... the body was cut short or is not JSON
      - MxMaintenance            ... a web page came instead of an answer
      - MxRateLimited            ... until `retry_after_seconds` have passed
      - MxOutage                 ... for nobody: it fails every call, so none is sent
    + MxRejected               ... and never will for this request
      - MxCredentialsRefused     ... nor for any other with this key
      - MxForbidden              ... this key's role may not ask for it
      - MxNotFound               ... no such record, or not this merchant's
      - MxContractBroken         ... the answer is not of the documented shape
  x WarehouseError           Postgres refused a statement
    + WarehouseUnavailable     ... this time: no connection, a lock, a restart
      - WarehouseSlow            ... it took too long; a smaller batch may pass
      - WarehouseLocked          ... a migration waited in vain for who uses the tables
    + WarehouseNotReady        ... until someone migrates it or gives it its key
    + RowRefused               ... because of a value in it; the same without that record may pass
    + UnsafeRole               ... this login bypasses row-level security
    + UnsafeConnection         ... this connection came with somebody else's merchant still set
  x LeaseLost                another process has taken this merchant's sync over
  x SyncStopped              a person cancelled it, or paused or removed the merchant
  x SyncInterrupted          this process must end; another one goes on
  x MerchantBusy             another sync of this merchant is under way
  x AccessDenied             this person may not do this here, or is not who they say
    + NotSignedIn              ... until they say who they are
  x TooManyRequests          this caller asks faster than anybody may; `retry_after_seconds` says when again
  x UnknownMerchant          no such tenant, or it is not active
  x UnknownPayment           no such payment is stored here
  x UnknownInvoice           no such invoice is stored here, or it is another merchant's
  x UnknownRequest           no such sync request, or it is another merchant's
  x BadInput                 what was asked cannot be done as asked; the message says what to type
  x BadSettings              an environment variable is missing or wrong
  x SealBroken               a sealed secret does not open with these keys for this merchant
  x AlertFailed              an alert did not get through to whoever should be told
  x CanaryFailed             the canary did not come through, or a door between two merchants is open
  x LocalFailed              a part that this machine runs for us did not start
"""

from __future__ import annotations

from typing import ClassVar


class MxPipelineError(Exception):
    """Anything that this package raises on purpose."""

    code: ClassVar[str] = "internal"
    """A stable word for tables, logs and HTTP answers."""


class MxApiError(MxPipelineError):
    """The vendor gave no usable answer. The message holds no credential, body or name."""

    code = "mx_error"


class MxUnavailable(MxApiError):
    """No answer this time; a later attempt may succeed."""

    code = "mx_unavailable"


class MxUnreachable(MxUnavailable):
    """No connection to the vendor's host could be made."""

    code = "mx_unreachable"


class MxTimedOut(MxUnavailable):
    """The call's total deadline passed before the whole answer was here."""

    code = "mx_timed_out"


class MxBadResponse(MxUnavailable):
    """The body was cut short, too large, or no JSON; nothing of it was used."""

    code = "mx_bad_response"


class MxMaintenance(MxUnavailable):
    """A web page came instead of an answer."""

    code = "mx_maintenance"


class MxRateLimited(MxUnavailable):
    """The vendor asks for fewer calls, or our own quota of calls is used up."""

    code = "mx_rate_limited"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        """`retry_after_seconds`: how long to ask nothing, as the answer says or as we know; None where neither does."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class MxOutage(MxUnavailable):
    """The vendor has failed every call for longer than anybody should wait, so this one was not sent."""

    code = "mx_outage"


class MxRejected(MxApiError):
    """The vendor will never answer this request."""

    code = "mx_rejected"


class MxCredentialsRefused(MxRejected):
    """The vendor does not know this key; no request with it will succeed."""

    code = "mx_credentials_refused"


class MxForbidden(MxRejected):
    """The key is good, but its role may not ask for this."""

    code = "mx_forbidden"


class MxNotFound(MxRejected):
    """No such record, or not this merchant's: the vendor does not tell the two apart (`mx_api.md` 9.6)."""

    code = "mx_not_found"


class MxContractBroken(MxRejected):
    """The answer is JSON, but not of the shape that the vendor documents."""

    code = "mx_contract_broken"


class WarehouseError(MxPipelineError):
    """Postgres refused a statement."""

    code = "warehouse_error"


class WarehouseUnavailable(WarehouseError):
    """Postgres cannot be reached, or is busy with something that passes."""

    code = "warehouse_unavailable"


class WarehouseSlow(WarehouseUnavailable):
    """A statement ran into its time limit, or somebody cancelled it."""

    code = "db_slow"


class WarehouseLocked(WarehouseUnavailable):
    """A migration waited in vain for tables that others use; it changed nothing."""

    code = "warehouse_locked"


class WarehouseNotReady(WarehouseError):
    """The schema is missing, older or newer than this program, or its logins have other passwords."""

    code = "warehouse_not_ready"


class RowRefused(WarehouseError):
    """A value in the statement is one that Postgres does not take, or that a constraint forbids."""

    code = "row_refused"


class UnsafeRole(WarehouseError):
    """This login would bypass row-level security, so nothing runs with it."""

    code = "unsafe_role"


class UnsafeConnection(WarehouseError):
    """A connection came with a merchant or a person still set, by something that is not ours."""

    code = "unsafe_connection"


class LeaseLost(MxPipelineError):
    """Another process has taken this merchant's sync over; nothing more may be written here."""

    code = "lease_lost"


class SyncStopped(MxPipelineError):
    """A person cancelled the sync, or paused or removed the merchant; nothing more may be written."""

    code = "sync_stopped"


class SyncInterrupted(MxPipelineError):
    """This process must end; another one goes on with the sync."""

    code = "sync_interrupted"


class MerchantBusy(MxPipelineError):
    """Another sync of this merchant is under way, and did not end in time."""

    code = "merchant_busy"


class AccessDenied(MxPipelineError):
    """This person may not do this here, or did not prove who they are. The message says who can help."""

    code = "access_denied"


class NotSignedIn(AccessDenied):
    """Who asks has not said who they are, or in a way that does not hold."""

    code = "not_signed_in"


class TooManyRequests(MxPipelineError):
    """This caller asks faster than anybody may."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        """`retry_after_seconds`: when it will be answered again."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UnknownMerchant(MxPipelineError):
    """No such tenant, or it is not active."""

    code = "unknown_merchant"


class UnknownPayment(MxPipelineError):
    """No such payment is stored here, for this merchant or for any."""

    code = "unknown_payment"


class UnknownInvoice(MxPipelineError):
    """No such invoice is stored here, or it is not this merchant's."""

    code = "unknown_invoice"


class UnknownRequest(MxPipelineError):
    """No such sync request is here, or it is not this merchant's."""

    code = "unknown_request"


class BadInput(MxPipelineError):
    """What was asked cannot be done as asked; the message says what to type instead."""

    code = "bad_input"


class BadSettings(MxPipelineError):
    """An environment variable is missing or wrong; the message names it."""

    code = "bad_settings"


class SealBroken(MxPipelineError):
    """A sealed secret does not open: another key, another merchant's row, or a changed byte."""

    code = "seal_broken"


class CanaryFailed(MxPipelineError):
    """The canary did not come through, or a door between two merchants is open."""

    code = "canary_failed"


class LocalFailed(MxPipelineError):
    """A part that this machine runs for us (Postgres, Dagster, the synthetic MX) did not start."""

    code = "local_failed"


class AlertFailed(MxPipelineError):
    """An alert did not get through to whoever should be told; the next look tries again."""

    code = "alert_failed"
