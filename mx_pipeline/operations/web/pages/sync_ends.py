"""How a sync stands or ended, in one sentence each: what happened, what is safe, and who must act now."""

from __future__ import annotations

from dataclasses import dataclass

from mx_pipeline.operations.web.pages.sync_cards import Tone
from mx_pipeline.warehouse.watching import Asked

KEPT = "Everything that was saved before stays."


@dataclass(frozen=True)
class End:
    """The banner of a sync."""

    word: str
    tone: Tone
    sentence: str
    who: str = ""
    """Who must act, and how; empty where nobody must."""


def end_of(asked: Asked) -> End:
    """As it stands now."""
    if not asked.is_done:
        return _under_way(asked)
    match asked.outcome:
        case "success" if asked.dry_run:
            return End("Tried", "good", "Nothing was stored. This is what a sync would do now.")
        case "success":
            return End("Done", "good", "Every payment asked for is here, and MX Merchant’s own count agrees.")
        case "partial":
            return End(
                "Partly done",
                "look",
                _sentence(asked, "Not everything could be taken in."),
                "Nobody has to act at once: the next sync tries again what is missing. If it is still missing "
                "tomorrow, tell the operator of this service.",
            )
        case "cancelled":
            return End("Cancelled", "plain", f"{_sentence(asked, 'It was stopped.')} {KEPT}")
        case "rate_limited":
            return End(
                "Paused by MX Merchant",
                "look",
                f"{_sentence(asked, 'MX Merchant asks for fewer calls.')} {KEPT}",
                "Nobody has to act: ask again later, or wait for the next scheduled sync.",
            )
        case "auth_failed":
            return End(
                "Key refused",
                "bad",
                f"MX Merchant does not take this clinic's API key any more. {KEPT}",
                "The clinic's owner must make a new API key at MX Merchant and give it to the operator of this "
                "service, who enters it. Until then this clinic cannot be synced.",
            )
        case _:
            return _failed(asked)


def _under_way(asked: Asked) -> End:
    if asked.status == "joined":
        return End("Joined", "plain", "The same sync was already asked for; you see that one.")
    if asked.status == "asked":
        return End("Waiting", "plain", "It starts as soon as a worker is free, usually within a second.")
    return End(
        "Running", "plain", "You can leave this page; the sync goes on, and you find it in the history."
    )


def _failed(asked: Asked) -> End:
    message = (asked.message or "").lower()
    if any(
        word in message for word in ("connection", "reach", "maintenance", "timed out", "no answer", "outage")
    ):
        who = "Nobody here has to act: MX Merchant could not be reached. Try again in some minutes."
    elif "paused" in message:
        who = "The clinic's owner or the operator of this service must resume the clinic first."
    else:
        who = (
            "Try once more. If it fails again, tell the operator of this service the number of this sync: "
            f"{asked.request_id}."
        )
    return End("Failed", "bad", f"{_sentence(asked, 'It did not come to its end.')} {KEPT}", who)


def _sentence(asked: Asked, otherwise: str) -> str:
    """The message as a sentence; it holds no name and no secret."""
    text = (asked.message or "").strip()
    if not text:
        return otherwise
    if text.startswith("cancelled by"):
        return "It was cancelled by a person."
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
