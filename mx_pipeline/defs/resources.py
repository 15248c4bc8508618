"""What assets and sensors are given; nothing of it is configuration, so no secret is seen in the UI."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from mx_pipeline.settings import Settings
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE, LOADER_ROLE, logins_of


class WarehouseResource(dg.ConfigurableResource):
    """The warehouse of this environment. It is opened where it is used, and read from no configuration."""

    @contextmanager
    def loader(self) -> Generator[Warehouse]:
        """As the role that brings data in, one merchant at a time."""
        yield from _opened(LOADER_ROLE)

    @contextmanager
    def dispatcher(self) -> Generator[Warehouse]:
        """As the role that sees every merchant's requests and freshness, and no data."""
        yield from _opened(DISPATCHER_ROLE)


class MxResource(dg.ConfigurableResource):
    """MX Merchant, asked with each merchant's own key, which is opened for the length of its sync only."""

    @contextmanager
    def answerer(self, name: str) -> Generator[Answerer]:
        """Who answers requests under this name."""
        answerer = Answerer.from_settings(Settings.from_environment(), name=name)
        try:
            yield answerer
        finally:
            answerer.close()


def _opened(role: str) -> Generator[Warehouse]:
    warehouse = Warehouse(logins_of(Settings.from_environment()), role)
    try:
        yield warehouse
    finally:
        warehouse.close()


resources = {"warehouse": WarehouseResource(), "mx": MxResource()}
