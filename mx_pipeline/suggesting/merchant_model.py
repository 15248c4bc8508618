"""One merchant's suggestions: learned from what its people decided; where that is too little, from what many did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from mx_pipeline.suggesting.confidence import Confidence
from mx_pipeline.suggesting.examination import (
    FEWEST_OF_A_CATEGORY,
    FEWEST_PRODUCTS,
    Figures,
    examined,
    suffice,
)
from mx_pipeline.suggesting.features import buckets_of, hash_of, product_key, shared_key
from mx_pipeline.suggesting.learning import Example, Learned
from mx_pipeline.warehouse.categories import get_book
from mx_pipeline.warehouse.connections import SNAPSHOT, Warehouse
from mx_pipeline.warehouse.deriving import derive_again
from mx_pipeline.warehouse.loading import Merged
from mx_pipeline.warehouse.suggestions import (
    Kept,
    Share,
    Suggestion,
    accepted_products,
    keep_suggestions,
    products_to_suggest,
    share,
    shared_products,
)

NO_MODEL = "none"


@dataclass(frozen=True)
class Trained:
    """What a model came to: how good it is, and what it says of the products that nobody decided."""

    merchant_id: int
    model: str
    """`own …`, `shared …` or `none`, with a few digits that are the same for the same examples."""
    reason: str
    """In a sentence: what it was learned from, or why there is none."""
    figures: Figures | None
    asked: int
    """Products that nobody and nothing decides."""
    says: tuple[Suggestion, ...]
    """Of those, the ones that it is sure enough of to ask a human."""
    apply_from: float
    shares: tuple[Share, ...]

    @property
    def applied(self) -> tuple[Suggestion, ...]:
        """Those that it is sure enough of to ask nobody."""
        return tuple(one for one in self.says if one.confidence >= self.apply_from)


@dataclass(frozen=True)
class _Model:
    name: str
    reason: str
    figures: Figures | None = None
    learned: Learned | None = None
    confidence: Confidence | None = None


def train(loader: Warehouse, merchant_id: int, *, actor: str) -> tuple[Trained, Kept, Merged]:
    """Learn, keep what it says in place of what nobody answered, derive again. Raises BadInput and WarehouseError."""
    _derive_if_edited(loader, merchant_id)
    trained = learn(loader, merchant_id)
    with loader.merchant(merchant_id) as tenant:
        share(tenant, trained.shares)
        kept = keep_suggestions(tenant, trained.says, model=trained.model, actor=actor)
    return trained, kept, _derive_if_edited(loader, merchant_id)


def learn(loader: Warehouse, merchant_id: int) -> Trained:
    """The same, and nothing is written. No transaction is open while it learns."""
    with loader.merchant(merchant_id, opening=SNAPSHOT) as tenant:
        decided, products = accepted_products(tenant), products_to_suggest(tenant)
        others, book = shared_products(tenant), get_book(tenant)
    known = dict[str, str]()
    for name, category in decided:
        known.setdefault(product_key(name), category)
    keys = sorted(known, key=hash_of)
    own = [Example(buckets, known[key]) for key, buckets in zip(keys, buckets_of(keys), strict=True)]
    model, key_of = _model("own", own, "products that this merchant's people decided"), product_key
    if model.learned is None:
        fallback = [Example(buckets, category) for category, buckets in others]
        shared = _model("shared", fallback, "names that three merchants or more know by the same category")
        reason = f"{model.reason}; {shared.reason}"
        model = _Model(
            shared.name, reason, shared.figures or model.figures, shared.learned, shared.confidence
        )
        key_of = shared_key
    says = _said(model, {name: key_of(name) for name in products})
    return Trained(
        merchant_id=merchant_id,
        model=model.name,
        reason=model.reason,
        figures=model.figures,
        asked=len(products),
        apply_from=float(book.apply_from),
        says=tuple(one for one in says if one.confidence >= book.ask_from),
        shares=_shares(known),
    )


def _model(name: str, examples: Sequence[Example], of: str) -> _Model:
    """One that is surely better than always saying the commonest category, or none."""
    if not suffice(examples):
        categories = len({example.category for example in examples})
        return _Model(
            NO_MODEL,
            f"{len(examples)} {of}, in {categories} categories, are too few: a model needs {FEWEST_PRODUCTS}, and "
            f"{FEWEST_OF_A_CATEGORY} each of two categories",
        )
    figures, confidence = examined(examples)
    if not figures.beats_the_most_frequent:
        return _Model(
            NO_MODEL,
            f"a model of {len(examples)} {of} is not surely better than always saying the commonest category",
            figures,
        )
    digits = sha256(repr([(one.category, one.buckets) for one in examples]).encode()).hexdigest()[:8]
    return _Model(
        f"{name} {digits}", f"learned from {len(examples)} {of}", figures, Learned(examples), confidence
    )


def _said(model: _Model, keys: dict[str, str]) -> list[Suggestion]:
    if model.learned is None or model.confidence is None:
        return []
    told = {name: key for name, key in keys.items() if key}
    answers = model.learned.answers(buckets_of(list(told.values())))
    return [
        Suggestion(name, answer.category, model.confidence.of(answer.probability))
        for name, answer in zip(told, answers, strict=True)
    ]


def _shares(known: dict[str, str]) -> tuple[Share, ...]:
    """One per name as it is shared; where its spellings have several categories, it says nothing."""
    categories = dict[str, set[str]]()
    for key, category in known.items():
        categories.setdefault(shared_key(key), set()).add(category)
    agreed = {key: min(said) for key, said in categories.items() if key and len(said) == 1}
    found = buckets_of(list(agreed))
    return tuple(
        Share(hash_of(key), category, buckets)
        for (key, category), buckets in zip(agreed.items(), found, strict=True)
    )


def _derive_if_edited(loader: Warehouse, merchant_id: int) -> Merged:
    with loader.merchant(merchant_id) as tenant:
        book = get_book(tenant)
    return derive_again(loader, merchant_id) if book.version != book.derived_version else Merged()
