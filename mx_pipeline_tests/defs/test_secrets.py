"""No secret and no name in anything that Dagster stores or shows."""

from __future__ import annotations

import json

import dagster as dg

from mx_pipeline.defs.sensors import sync_requests
from mx_pipeline.settings import Settings
from mx_pipeline.synthetic_mx import CANARIES, NAME_CANARY
from mx_pipeline.warehouse.logins import LOADER_ROLE, logins_of
from mx_pipeline_tests.defs.conftest import Clinics
from mx_pipeline_tests.defs.test_sensors import asked, launched, tick

ALFA, BRAVO = 1_000_000_001, 1_000_000_002


def stored(instance: dg.DagsterInstance) -> str:
    """Every event, tag and run configuration of an instance, as one text."""
    runs = instance.get_runs()
    events = [event.to_json() for run in runs for event in instance.all_logs(run.run_id)]
    return "\n".join([*events, *(json.dumps([run.tags, run.run_config]) for run in runs)])


def secrets(clinics: Clinics) -> list[str]:
    settings = Settings.from_environment()
    passwords = [logins_of(settings).url(LOADER_ROLE).password, logins_of(settings).admin.password]
    keys = [word for key in clinics.keys.values() for word in (key.consumer_key, key.consumer_secret)]
    return [
        *keys,
        *map(str, passwords),
        settings.key().to_base64(),
        *CANARIES,
        NAME_CANARY,
        "pat@clinic.test",
    ]


def test_nothing_secret_is_stored_by_runs_that_succeed_and_fail(clinics: Clinics) -> None:
    alfa, bravo = clinics.add(ALFA), clinics.add(BRAVO)
    asked(clinics, ALFA)
    (request,) = launched(tick(sync_requests, clinics.instance))

    clinics.run(request.partition_key, tags=dict(request.tags))
    clinics.mx.revoke_keys(BRAVO)
    clinics.run(alfa, to=bravo)
    clinics.warehouse.damage("ALTER TABLE mx.payments ADD CHECK (merchant_id <> 1000000001) NOT VALID")
    clinics.mx.receives(ALFA, payments=3)
    clinics.run(alfa)
    clinics.warehouse.damage("REVOKE INSERT ON mx.payments FROM mx_loader")
    clinics.mx.receives(ALFA, payments=3)
    failed = clinics.run(alfa)

    assert not failed.success
    everything = stored(clinics.instance)
    assert "merchant_sync" in everything
    assert [secret for secret in secrets(clinics) if secret in everything] == []
