"""Every code that a command or the HTTP API gives: who must act, what to do, and which run-book goes on from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mx_pipeline import errors
from mx_pipeline.errors import MxPipelineError

CALLER = "whoever asked"
ADMIN = "the clinic's admin"
OPERATOR = "our operator"
VENDOR = "MX Merchant"
NOBODY = "nobody"

REFUSED_KEY = "a-key-is-refused"
HELD_BACK = "mx-merchant-holds-back-or-is-away"
INCOMPLETE = "a-certificate-does-not-agree"
UNANSWERED = "requests-that-nobody-answers"
LOST = "lost-runs"
POSTGRES = "postgres-is-away"
FULL = "the-disk-is-full"
KEYS = "the-sealing-key"
DENIED = "somebody-is-refused"
DEFECT = "a-defect-of-ours"
CANARY = "the-canary"
SETUP = "the-installation-is-not-complete"


@dataclass(frozen=True)
class Entry:
    """What is done about one code."""

    acts: str
    to_do: str
    run_book: str
    meaning: str = ""
    """Where no class of errors.py says it."""


CATALOGUE: Mapping[str, Entry] = {
    "access_denied": Entry(CALLER, "ask an admin of the clinic for the role that the message names", DENIED),
    "alert_failed": Entry(OPERATOR, "see whether MX_ALERT_URL or the mail server answers; it is tried again", SETUP),
    "bad_input": Entry(CALLER, "type what the message says", DENIED),
    "bad_settings": Entry(OPERATOR, "set the variable that the message names", SETUP),
    "canary_failed": Entry(OPERATOR, "see which step failed: mx-pipeline canary", CANARY),
    "db_slow": Entry(OPERATOR, "none where it passed; else look for what keeps Postgres busy", POSTGRES),
    "internal": Entry(OPERATOR, "look the correlation id up in the log, and report what stands there", DEFECT),
    "interrupted": Entry(CALLER, "nothing; what is committed stays, and the next sync goes on", LOST,
                         "Somebody pressed Ctrl-C, or the process was told to end."),
    "lease_lost": Entry(NOBODY, "nothing; who took it over finishes it", LOST),
    "local_failed": Entry(OPERATOR, "do what the message says; the log that it names tells more", SETUP),
    "merchant_busy": Entry(CALLER, "wait for the sync that runs, or cancel it", UNANSWERED),
    "method_not_allowed": Entry(CALLER, "take a method that /openapi.json lists", DENIED,
                                "The address does not take that method."),
    "mx_bad_response": Entry(NOBODY, "nothing; it is asked again. Where it stays, tell MX Merchant", HELD_BACK),
    "mx_contract_broken": Entry(OPERATOR, "report it with the stream and field that the message names", DEFECT),
    "mx_credentials_refused": Entry(ADMIN, "give us a key that is good; it is entered with merchants set-key",
                                    REFUSED_KEY),
    "mx_error": Entry(VENDOR, "wait for the next sync; where it stays, tell MX Merchant", HELD_BACK),
    "mx_forbidden": Entry(ADMIN, "give the key's user at MX Merchant the right to read payments and invoices",
                          REFUSED_KEY),
    "mx_maintenance": Entry(VENDOR, "wait; the next sync goes on where this one stopped", HELD_BACK),
    "mx_not_found": Entry(NOBODY, "nothing; the record is kept, and no longer counted where MX lists it no more",
                          INCOMPLETE),
    "mx_outage": Entry(VENDOR, "wait; one call at a time asks whether it is over", HELD_BACK),
    "mx_rate_limited": Entry(OPERATOR, "wait until the moment that status tells; where it never ends, lower the calls",
                             HELD_BACK),
    "mx_rejected": Entry(OPERATOR, "report it: we asked for what MX Merchant does not answer", DEFECT),
    "mx_timed_out": Entry(VENDOR, "wait; it is asked again", HELD_BACK),
    "mx_unavailable": Entry(VENDOR, "wait; it is asked again", HELD_BACK),
    "mx_unreachable": Entry(OPERATOR, "see whether this machine reaches the host: mx-pipeline doctor", HELD_BACK),
    "not_acceptable": Entry(CALLER, "accept application/json", DENIED, "The answer cannot be had in that form."),
    "not_found": Entry(CALLER, "take an address that /openapi.json lists", DENIED, "There is nothing at this address."),
    "not_signed_in": Entry(CALLER, "sign in, or send a token that is still good", DENIED),
    "refused": Entry(CALLER, "see the status", DENIED, "HTTP itself refuses the call."),
    "row_refused": Entry(OPERATOR, "look at quarantine list; the record is set aside and the rest goes on", INCOMPLETE),
    "seal_broken": Entry(OPERATOR, "set MX_SEALING_KEY to the key that sealed it, or enter the API key anew", KEYS),
    "sync_interrupted": Entry(NOBODY, "nothing; another process goes on", LOST),
    "sync_stopped": Entry(NOBODY, "nothing; a person wanted it so", LOST),
    "too_large": Entry(CALLER, "send less", DENIED, "The body or the headers are larger than is taken."),
    "too_many_requests": Entry(CALLER, "wait as long as Retry-After says", DENIED),
    "too_slow": Entry(CALLER, "send the whole body within five seconds", DENIED, "The body took too long."),
    "unknown_invoice": Entry(CALLER, "look the number up in the clinic's own list", DENIED),
    "unknown_merchant": Entry(CALLER, "look the number up: mx-pipeline merchants list", DENIED),
    "unknown_payment": Entry(CALLER, "look the number up in the clinic's own list", DENIED),
    "unknown_request": Entry(CALLER, "take the number that the sync was given", DENIED),
    "unreadable": Entry(CALLER, "send JSON in UTF-8", DENIED, "The body cannot be read."),
    "unsafe_connection": Entry(OPERATOR, "find who shares the login or its pooler and sets a merchant there", DEFECT),
    "unsafe_role": Entry(OPERATOR, "take the power away that the message names: mx-pipeline doctor", SETUP),
    "unsupported_media_type": Entry(CALLER, "send application/json", DENIED, "Bodies of this kind are not taken."),
    "usage": Entry(CALLER, "see the command's --help", DENIED, "A command was typed that there is not."),
    "warehouse_error": Entry(OPERATOR, "look the SQLSTATE in the message up, then run mx-pipeline doctor", POSTGRES),
    "warehouse_locked": Entry(OPERATOR, "wait for who the message names, or end them, then migrate again", SETUP),
    "warehouse_not_ready": Entry(OPERATOR, "run mx-pipeline migrate with the key in use", SETUP),
    "warehouse_unavailable": Entry(OPERATOR, "none where it passed; else bring Postgres back", POSTGRES),
}  # fmt: skip


def classes() -> Iterator[type[MxPipelineError]]:
    """Every class of errors.py, by its code; a kind without a code of its own is its parent's."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, MxPipelineError):
            yield kind


def meaning(code: str) -> str:
    """One sentence."""
    told = [kind.__doc__ for kind in classes() if kind.code == code and kind is not MxPipelineError]
    if code == MxPipelineError.code:
        return "A defect of ours: something that no rule foresaw."
    return (told[0] or "").split("\n")[0] if told else CATALOGUE[code].meaning


def page() -> str:
    """`docs/errors.md`."""
    rows = [
        f'| <a id="{code}"></a>`{code}` | {meaning(code)} | {entry.acts} | {entry.to_do} | '
        f"[{entry.run_book.replace('-', ' ')}](run-books.md#{entry.run_book}) |"
        for code, entry in sorted(CATALOGUE.items())
    ]
    return "\n".join([HEAD, *rows, ""])


HEAD = """# Errors

Made from `operations/error_catalogue.py` by `make docs`; a test compares. A code stands in `--json` answers of commands
(`error.code`), in `application/problem+json` (`code`, and `type` as `urn:mx-pipeline:CODE`), and in Dagster's metadata
of a failed run. The sentence beside it says what to do in that case; here stands what holds for all.

| code | meaning | who must act | what to do | run-book |
|---|---|---|---|---|"""
