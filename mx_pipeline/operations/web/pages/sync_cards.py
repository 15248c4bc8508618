"""What a sync came to, as cards in plain words, each with a tone that is also an icon and a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from mx_pipeline.warehouse.watching import Watched

Tone: TypeAlias = Literal["good", "look", "bad", "plain"]
TONE_WORDS = MappingProxyType(
    {"good": "Good", "look": "Worth a look", "bad": "Problem", "plain": "For information"}
)
FEW_LINKED = 0.9
"""Below that, somebody should look why."""


@dataclass(frozen=True)
class Card:
    """One number with what it means."""

    title: str
    value: str
    words: str
    tone: Tone = "plain"

    @property
    def tone_word(self) -> str:
        """Beside the icon, so that no colour stands alone."""
        return TONE_WORDS[self.tone]


def cards_of(watched: Watched) -> list[Card]:
    """None before the sync has ended, and none where it never began."""
    if watched.is_done and watched.stats and watched.dry_run and "wouldAdd" in watched.stats:
        return _tried(watched.stats)
    if not watched.is_done or not watched.stats or "transactionsStored" not in watched.stats:
        return []
    stats = watched.stats
    made = [
        _proof(watched),
        _payments(stats),
        _linked(stats),
        _products(stats),
        _calls(stats),
        _changes(stats),
    ]
    if stats.get("quarantined"):
        made.append(_set_aside(int(stats["quarantined"])))
    return made


def _proof(watched: Watched) -> Card:
    made = next((one for one in watched.certificates if one["stream"] == "payments"), None)
    title = "Complete?"
    if made is None:
        return Card(title, "Not proven", "The sync ended before it could compare with MX Merchant.", "look")
    held = f"{made['our_count']:,}"
    told = "an unknown number" if made["source_count"] is None else f"{made['source_count']:,}"
    words = f"MX Merchant has {told}, we hold {held}: {made['scope']}."
    if made["verdict"] == "agrees":
        return Card(title, "Yes, proven", words, "good")
    if made["verdict"] == "differs":
        return Card(title, "No", words, "bad")
    return Card(title, "Not proven", words, "look")


def _payments(stats: Mapping[str, Any]) -> Card:
    synced = int(stats["transactionsSynced"])
    standalone = int(stats["transactionsStandalone"])
    words = f"{standalone:,} of them stand alone, such as QuickPay, and have no invoice."
    return Card(
        "Payments read and saved", f"{synced:,}", words if standalone else "All belong to an invoice.", "good"
    )


def _linked(stats: Mapping[str, Any]) -> Card:
    linked, unlinked = int(stats["transactionsLinkedToInvoices"]), int(stats["transactionsUnlinked"])
    rate = float(stats["linkRate"])
    words = f"{rate:.0%} of those that name one, from {int(stats['invoicesLinked']):,} invoices."
    if unlinked:
        words += f" {unlinked:,} without: their invoice was not found."
    if not linked and not unlinked:
        return Card("Payments with their invoice", "0", "None of these payments names an invoice.")
    return Card("Payments with their invoice", f"{linked:,}", words, "good" if rate >= FEW_LINKED else "look")


def _products(stats: Mapping[str, Any]) -> Card:
    found, linked = int(stats["transactionsWithProducts"]), int(stats["transactionsLinkedToInvoices"])
    words = (
        "Each payment with an invoice has its product."
        if found == linked
        else f"Of {linked:,} with an invoice."
    )
    return Card("Payments with a product", f"{found:,}", words, "good" if found == linked else "look")


def _calls(stats: Mapping[str, Any]) -> Card:
    calls, each = int(stats["apiCalls"]), float(stats["efficiency"])
    words = f"{each:.2f} calls for each payment."
    fewest = int(stats.get("fewestCalls") or 0)
    if fewest and calls <= fewest:
        words += " No call was wasted."
    elif fewest:
        words += f" The fewest possible: {fewest:,}."
    return Card("Calls to MX Merchant", f"{calls:,}", words)


def _changes(stats: Mapping[str, Any]) -> Card:
    new, changed, same = (int(stats[name]) for name in ("inserted", "updated", "unchanged"))
    words = f"Payments and invoices together; {changed:,} changed, {same:,} were already the same."
    return Card("What changed here", f"{new:,} new", words)


def _set_aside(number: int) -> Card:
    words = (
        "Records that could not be taken in are kept aside with the reason; the operator can look into them."
    )
    return Card("Set aside", f"{number:,}", words, "bad")


def _tried(stats: Mapping[str, Any]) -> list[Card]:
    """Of a dry run: what would be, in the same words."""
    new, changed, same = (int(stats[name]) for name in ("wouldAdd", "wouldChange", "wouldLeave"))
    invoices = [int(stats[f"invoicesWould{what}"]) for what in ("Add", "Change", "Leave")]
    to_fetch = int(stats["invoicesToFetch"])
    needed, made, foretold = (int(stats[name]) for name in ("callsNeeded", "apiCalls", "callsForecast"))
    cards = [
        Card(
            "Payments", f"{new:,} new", f"{changed:,} would change, {same:,} are here already and the same."
        ),
        Card(
            "Invoices in the list",
            f"{invoices[0]:,} new",
            f"{invoices[1]:,} would change, {invoices[2]:,} are the same. {to_fetch:,} would be read.",
        ),
        Card(
            "Calls that a sync takes",
            f"{needed:,}",
            f"The forecast was {foretold:,}. This trial made {made:,}.",
        ),
    ]
    if stats["wouldSetAside"]:
        cards.append(_set_aside(int(stats["wouldSetAside"])))
    return cards
