"""MX Merchant's hosts: reached and trusted, by a connection over which nothing is asked, so no quota is spent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from mx_pipeline.addresses import URL_VARIABLES
from mx_pipeline.errors import WarehouseError
from mx_pipeline.mx_api.one_host import NoConnection, NotTrusted, OneHost
from mx_pipeline.operations.doctor.findings import Finding, fail, ok
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.diagnosing import environments_in_use
from mx_pipeline.warehouse.logins import logins_of
from mx_pipeline.words import MxEnvironment

CONNECT_SECONDS = 4.0


def vendor(settings: Settings) -> Iterator[Finding]:
    """The hosts that active merchants need; both where that cannot be learned, or there is no merchant yet."""
    needed: Sequence[str] = ()
    with suppress(WarehouseError):
        needed = environments_in_use(logins_of(settings))
    for environment, url in settings.mx_urls.items():
        if environment in needed or not needed:
            yield _reached(environment, url)


def _reached(environment: MxEnvironment, url: str) -> Finding:
    check, host = f"MX {environment}", OneHost(url)
    try:
        host.line(connect_seconds=CONNECT_SECONDS).close()
    except NotTrusted:
        return fail(
            check,
            f"{url} is there, but its certificate or its protocol is not to be trusted: look for a proxy that opens "
            f"TLS on the way and let it pass this host, and check {URL_VARIABLES[environment]}",
        )
    except NoConnection as error:
        return fail(
            check,
            f"{url} cannot be reached ({error}): let this machine connect to it (DNS, firewall), and check "
            f"{URL_VARIABLES[environment]}",
        )
    return ok(check, f"{url} is reached")
