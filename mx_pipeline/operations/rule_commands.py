"""`mx-pipeline categories rules …` and `categories try`: rules, tried on history before they hold."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.category_commands import READ, WRITE, AsJson, Merchant
from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from mx_pipeline.warehouse.category_rules import Rule
    from mx_pipeline.warehouse.connections import Tenant
    from mx_pipeline.warehouse.deriving import Trial

app = typer.Typer(help="Rules: products whose name or price fits have a category.", no_args_is_help=True)

Contains = Annotated[
    str | None, typer.Option(metavar="TEXT", help="The name contains it.", show_default=False)
]
StartsWith = Annotated[
    str | None, typer.Option(metavar="TEXT", help="The name starts with it.", show_default=False)
]
Regex = Annotated[
    str | None, typer.Option(metavar="PATTERN", help="The name matches it.", show_default=False)
]
MinPrice = Annotated[
    str | None, typer.Option(metavar="PRICE", help="From this price on.", show_default=False)
]
MaxPrice = Annotated[str | None, typer.Option(metavar="PRICE", help="Up to this price.", show_default=False)]
From = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="Sold on this day of the merchant or later.")
]
Until = Annotated[str | None, typer.Option(metavar="DAY", help="Sold before this day; it is not among them.")]
Priority = Annotated[int, typer.Option(help="The lowest number is asked first, then the older rule.")]
Category = Annotated[str | None, typer.Option(metavar="CATEGORY", help="What they are.", show_default=False)]


@app.command("list")
def list_all(
    merchant: Merchant,
    *,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="Those that hold no more, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rules in the order in which they are asked."""
    from mx_pipeline.operations.category_tables import plain, rules_table
    from mx_pipeline.operations.editing_categories import looking
    from mx_pipeline.warehouse.category_rules import list_rules

    with looking(merchant, READ) as tenant:
        rows = list_rules(tenant, withdrawn_too=withdrawn)
    say_json({"rules": [plain(row) for row in rows]}) if as_json else say_table(rules_table(rows))


@app.command("add")
def add(
    merchant: Merchant,
    *,
    category: Category = None,
    contains: Contains = None,
    starts_with: StartsWith = None,
    regex: Regex = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    from_: From = None,
    until: Until = None,
    priority: Priority = 100,
    as_json: AsJson = False,
) -> None:
    """Make a rule; every payment that it fits follows at once. Upper and lower case are the same to it."""
    from mx_pipeline.operations.editing_categories import edited
    from mx_pipeline.warehouse.category_rules import add_rule

    rule = _rule(category, contains, starts_with, regex, min_price, max_price, from_, until, priority)
    made: list[int] = []
    merged = edited(merchant, WRITE, lambda tenant, actor: made.append(add_rule(tenant, rule, actor=actor)))
    if as_json:
        say_json({"rule_id": made[0], "derived": asdict(merged)})
    else:
        say(f"rule {made[0]} holds; {merged.inserted + merged.updated:,} payments changed by it")


@app.command("withdraw")
def withdraw(
    merchant: Merchant,
    rule: Annotated[int, typer.Argument(metavar="RULE", help="Its number.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """End a rule: from now on it decides nothing, of whatever day."""
    from mx_pipeline.operations.editing_categories import edited
    from mx_pipeline.warehouse.category_rules import withdraw_rule

    merged = edited(merchant, WRITE, lambda tenant, actor: withdraw_rule(tenant, rule, actor=actor))
    if as_json:
        say_json({"rule_id": rule, "derived": asdict(merged)})
    else:
        say(f"rule {rule} is withdrawn; {merged.inserted + merged.updated:,} payments changed by it")


def try_out(
    merchant: Merchant,
    *,
    category: Category = None,
    contains: Contains = None,
    starts_with: StartsWith = None,
    regex: Regex = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    from_: From = None,
    until: Until = None,
    priority: Priority = 100,
    without: Annotated[
        list[int] | None,
        typer.Option(metavar="RULE", help="Leave this rule out, once or more.", show_default=False),
    ] = None,
    model: Annotated[
        bool, typer.Option("--model", help="With what a model says, as categories train would make it now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a rule or a model would change in all of history, or leaving rules out; nothing is written.

    The same options then make it hold: categories rules add; of a model: categories train.
    """
    from mx_pipeline.operations.category_tables import changes_table, plain
    from mx_pipeline.operations.editing_categories import tried
    from mx_pipeline.warehouse.category_rules import check_rule
    from mx_pipeline.warehouse.deriving import Trial

    asked = (category, contains, starts_with, regex, min_price, max_price, from_, until)
    if not without and not any(asked) and not model:
        raise BadInput(
            "say what to try: a rule such as --contains kit --category Kits, or --without RULE, or --model"
        )
    rule = _rule(*asked, priority) if any(asked) else None

    def trial(tenant: Tenant) -> Trial:
        if rule is not None:
            check_rule(tenant, rule)
        return Trial([] if rule is None else [rule.as_trial()], without or ())

    changes = tried(merchant, READ, trial, with_model=model)
    if as_json:
        say_json({"changes": [plain(change) for change in changes]})
    elif changes:
        say_table(changes_table(changes))
        holds = "mx-pipeline categories train" if model else "mx-pipeline categories rules add"
        say(f"nothing was written; to make it hold, use: {holds}")
    else:
        say("it would change nothing")


def _rule(
    category: str | None,
    contains: str | None,
    starts_with: str | None,
    regex: str | None,
    min_price: str | None,
    max_price: str | None,
    from_: str | None,
    until: str | None,
    priority: int,
) -> Rule:
    from mx_pipeline import words
    from mx_pipeline.warehouse.category_rules import Rule, RuleKind

    texts: dict[RuleKind, str | None] = {"contains": contains, "starts_with": starts_with, "regex": regex}
    given: list[tuple[RuleKind, str]] = [(kind, text) for kind, text in texts.items() if text is not None]
    if len(given) > 1:
        raise BadInput("--contains, --starts-with and --regex exclude each other: give one of them")
    if category is None:
        raise BadInput("say with --category what these products are")
    pattern = given[0][1] if given else None
    return Rule(
        kind=given[0][0] if given else "price",
        category=category,
        pattern=pattern,
        min_price=_price(min_price),
        max_price=_price(max_price),
        active_from=None if from_ is None else words.day(from_),
        active_until=None if until is None else words.day(until),
        priority=priority,
    )


def _price(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise BadInput(f"{text!r} is no price; give a number such as 199.95") from None
