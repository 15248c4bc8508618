"""What a clinic sells: products whose names tell, more or less, what they are."""

from __future__ import annotations

from random import Random

WORDS = {
    "Weight Loss": ("Semaglutide", "Tirzepatide", "Liraglutide", "GLP-1 Injection"),
    "TRT": ("Testosterone Cypionate", "TRT Monthly", "Enclomiphene", "Testosterone Cream"),
    "Membership": ("Gold Membership", "Silver Membership Plan", "Wellness Membership"),
    "Labs": ("Blood Panel", "Hormone Lab Panel", "Lab Draw", "Thyroid Lab"),
    "Peptides": ("BPC-157", "Sermorelin", "NAD+ Peptide", "Ipamorelin"),
}
FORMS = ("{} {}mg", "{} - {} weeks", "{} pack of {}", "{} #{}", "New {} {}")


def a_shelf(products: int, *, seed: int = 1) -> dict[str, str]:
    """Product name to category."""
    dice, shelf = Random(seed), dict[str, str]()
    while len(shelf) < products:
        category = dice.choice(tuple(WORDS))
        shelf[dice.choice(FORMS).format(dice.choice(WORDS[category]), dice.randint(1, 999))] = category
    return shelf
