"""The figures are honest: of products not taught, and no better than chance where there is nothing to learn."""

from __future__ import annotations

from base64 import b64decode
from random import Random

import pytest

from mx_pipeline.errors import BadInput
from mx_pipeline.suggesting.confidence import Confidence, wilson
from mx_pipeline.suggesting.examination import Figures, examined
from mx_pipeline.suggesting.features import buckets_of, hash_of, product_key
from mx_pipeline.suggesting.learning import Example, Learned
from mx_pipeline.suggesting.library import part
from mx_pipeline.suggesting.picture import confusion_picture
from mx_pipeline_tests.suggesting.shelf import a_shelf


def test_the_figures_are_of_products_that_were_left_out() -> None:
    figures, confidence = _examined(a_shelf(80))

    assert figures.products == 80
    assert figures.accuracy_from < figures.accuracy <= figures.accuracy_to
    assert figures.accuracy > 0.85
    assert figures.most_frequent < 0.4
    assert figures.beats_the_most_frequent
    assert sum(products for *_, products in figures.confusion) == 80
    assert sum(products for is_, said, products in figures.confusion if is_ == said) == figures.right
    covered = [level.products for level in figures.coverage]
    assert covered == sorted(covered, reverse=True)
    assert covered[0] > covered[-1]
    assert all(level.right >= level.confidence for level in figures.coverage if level.products >= 20)
    assert confidence.of(0.99) > confidence.of(0.5)


def test_with_shuffled_categories_it_is_no_better_than_chance() -> None:
    honest, _ = _examined(a_shelf(100))
    assert honest.shuffled < honest.most_frequent + 0.1

    for seed in range(2):
        shelf = a_shelf(100, seed=seed)
        dealt = list(shelf.values())
        Random(seed).shuffle(dealt)

        figures, _ = _examined(dict(zip(shelf, dealt, strict=True)))

        assert figures.accuracy < figures.most_frequent + 0.1
        assert not figures.beats_the_most_frequent
        assert figures.coverage[-1].products < 10  # and it does not think that it knows


def test_what_is_like_nothing_that_was_taught_is_not_sure() -> None:
    """Also where every held-out product was right: those were like the others."""
    shelf = a_shelf(150)
    examples = _examples(shelf)
    figures, confidence = examined(examples)
    assert figures.accuracy > 0.98

    model = Learned(examples)
    for strange in ("Gift card", "Überweisung 試験", "zzz"):
        (answer,) = model.answers(buckets_of([product_key(strange)]))
        assert confidence.of(answer.probability) < 0.6


def test_the_same_examples_make_the_same_model_bit_by_bit() -> None:
    examples = _examples(a_shelf(60))

    assert Learned(examples).weights.tobytes() == Learned(examples).weights.tobytes()


def test_shares_lie_within_their_interval_as_the_textbook_has_it() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert Confidence(1.0, 0.0).of(0.8999) == 0.899  # rounded down: it is not 0.9


def test_the_picture_draws_any_name() -> None:
    names = ["$x^$", "日本語 メンバーシップ", "a" * 200, *(f"Category {number}" for number in range(20))]

    drawn = confusion_picture([(name, names[0], 3) for name in names])

    assert b64decode(drawn.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


def test_without_the_library_one_sentence_says_what_to_install() -> None:
    with pytest.raises(BadInput, match=r"pip install 'mx_pipeline\[suggestions\]'"):
        part("a_library_that_is_not_installed")


def _examples(shelf: dict[str, str]) -> list[Example]:
    known = {product_key(name): category for name, category in shelf.items()}
    keys = sorted(known, key=hash_of)
    return [Example(buckets, known[key]) for key, buckets in zip(keys, buckets_of(keys), strict=True)]


def _examined(shelf: dict[str, str]) -> tuple[Figures, Confidence]:
    return examined(_examples(shelf))
