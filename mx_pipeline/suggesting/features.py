"""What the model sees of a product's name: which of 4,096 buckets its pieces of two to four letters fall into."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import TypeAlias

from mx_pipeline.suggesting.library import part

BUCKETS = 2**12
PIECES = (2, 4)
MOST_CHARACTERS = 300
"""Of a name; what comes after tells no more about what it is."""

Buckets: TypeAlias = tuple[int, ...]


def product_key(name: str) -> str:
    """The same for names that differ only in case and spaces, which are one product when a model is examined."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:MOST_CHARACTERS]


def shared_key(name: str) -> str:
    """Only words: doses, sizes and signs differ from clinic to clinic. Empty where there is no letter."""
    key = product_key(name)
    return " ".join("".join(c if unicodedata.category(c)[0] in "LM" else " " for c in key).split())


def hash_of(key: str) -> bytes:
    """Under this a merchant's own row says that it knows the name; it is compared, and never given to another."""
    return sha256(key.encode(errors="surrogatepass")).digest()


def buckets_of(keys: Sequence[str]) -> list[Buckets]:
    """By a fixed hash, so that a model holds no vocabulary. Raises BadInput where the library is missing."""
    if not keys:
        return []
    vectorizer = part("sklearn.feature_extraction.text").HashingVectorizer(
        analyzer="char_wb", ngram_range=PIECES, n_features=BUCKETS, binary=True, norm=None, alternate_sign=False,
        lowercase=False,
    )  # fmt: skip
    found = vectorizer.transform(keys)
    ends: list[int] = found.indptr.tolist()
    indices: list[int] = found.indices.tolist()
    return [tuple(sorted(indices[start:end])) for start, end in pairwise(ends)]
