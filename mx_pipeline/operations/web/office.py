"""What the server works with: its settings, the warehouse for its callers, and how fast they may ask."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from mx_pipeline.operations.web.pace import Pace
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import APP_ROLE, DISPATCHER_ROLE, logins_of

STRANGERS_PER_MINUTE = 30
"""Tries of one address that did not say who it is: a secret has 256 bits, so this only saves work."""


@dataclass(frozen=True)
class Office:
    """One for each server."""

    settings: Settings
    web: WebSettings
    app: Warehouse = field(repr=False)
    """For people and their programs; at most 16 connections. Webhooks have their own."""
    callers: Pace = field(repr=False)
    strangers: Pace = field(repr=False)
    dispatcher: Warehouse = field(repr=False)
    """For the figures of all merchants alone."""

    @classmethod
    def of(cls, settings: Settings, web: WebSettings) -> Office:
        """Connects on first use. Raises BadSettings."""
        return cls(
            settings,
            web,
            Warehouse(logins_of(settings), APP_ROLE, patience_seconds=0),
            Pace(per_minute=web.calls_per_minute, at_once=web.calls_per_minute),
            Pace(per_minute=STRANGERS_PER_MINUTE, at_once=STRANGERS_PER_MINUTE),
            Warehouse(logins_of(settings), DISPATCHER_ROLE, patience_seconds=0),
        )

    def close(self) -> None:
        """Give the database connections back."""
        self.app.close()
        self.dispatcher.close()


def office_of(connection: HTTPConnection) -> Office:
    """The office of the server that was asked; a dependency of routes."""
    office = connection.app.state.office
    assert isinstance(office, Office)
    return office
