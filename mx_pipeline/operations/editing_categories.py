"""Whoever edits a merchant's categories: asked in one place, and derived again when the edit is committed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from mx_pipeline import words
from mx_pipeline.operations.at_work import AtWork, at_work
from mx_pipeline.operations.context import opened, settings_in_force
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.audit import Action, record
from mx_pipeline.warehouse.connections import SNAPSHOT, Tenant
from mx_pipeline.warehouse.deriving import Change, Trial, compare_derived, derive_again
from mx_pipeline.warehouse.loading import Merged
from mx_pipeline.warehouse.logins import LOADER_ROLE
from mx_pipeline.warehouse.merchants import get_merchant

if TYPE_CHECKING:
    from mx_pipeline.suggesting.merchant_model import Trained
    from mx_pipeline.warehouse.suggestions import Kept


@contextmanager
def looking(merchant: str, permission: str, *, records: Action | None = None) -> Generator[Tenant]:
    """A transaction of whoever is at the keyboard, who may. Raises AccessDenied, BadInput, UnknownMerchant."""
    merchant_id = words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        here.require(permission, merchant_id)
        with here.merchant(merchant_id) as tenant:
            get_merchant(tenant)
            yield tenant
            if records is not None:
                record(tenant, actor=here.person.actor, action=records, detail={"what": "categories"})


def edited(merchant: str, permission: str, edit: Callable[[Tenant, str], object] | None) -> Merged:
    """Whoever is at the keyboard edits: what came out otherwise. The same errors."""
    merchant_id = words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        return edit_as(here, settings, merchant_id, permission, edit)


def tried(
    merchant: str, permission: str, trial: Callable[[Tenant], Trial], *, with_model: bool = False
) -> list[Change]:
    """Whoever is at the keyboard tries, with a model as it would be now if asked for. The same errors."""
    merchant_id = words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        return try_as(here, settings, merchant_id, permission, trial, with_model=with_model)


def edit_as(
    here: AtWork,
    settings: Settings,
    merchant_id: int,
    permission: str,
    edit: Callable[[Tenant, str], object] | None,
) -> Merged:
    """Do it, commit it, derive the merchant again. Raises AccessDenied, recorded; BadInput, UnknownMerchant."""
    here.require(permission, merchant_id)
    with opened(settings, LOADER_ROLE) as loader:
        with here.merchant(merchant_id) as tenant:
            get_merchant(tenant)
            if edit is not None:
                edit(tenant, here.person.actor)
        return derive_again(loader, merchant_id)


def try_as(
    here: AtWork,
    settings: Settings,
    merchant_id: int,
    permission: str,
    trial: Callable[[Tenant], Trial],
    *,
    with_model: bool = False,
) -> list[Change]:
    """What it would change; nothing is written. The same errors."""
    here.require(permission, merchant_id)
    with opened(settings, LOADER_ROLE) as loader:
        with here.merchant(merchant_id) as tenant:
            get_merchant(tenant)
            tried = trial(tenant)
        if with_model:
            from mx_pipeline.suggesting.merchant_model import learn

            said = [asdict(one) for one in learn(loader, merchant_id).applied]
            tried = replace(tried, suggestions=said)
        with loader.merchant(merchant_id, opening=SNAPSHOT) as tenant:
            return list(compare_derived(tenant, tried))


def trained(merchant: str, permission: str) -> tuple[Trained, Kept, Merged]:
    """Learn anew, keep what the model says, derive the merchant again. The same errors."""
    from mx_pipeline.suggesting.merchant_model import train

    merchant_id = words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here, opened(settings, LOADER_ROLE) as loader:
        here.require(permission, merchant_id)
        with here.merchant(merchant_id) as tenant:
            get_merchant(tenant)
        return train(loader, merchant_id, actor=here.person.actor)
