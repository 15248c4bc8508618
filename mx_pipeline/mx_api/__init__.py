"""MX Merchant over HTTP: knows the vendor's API and its faults, speaks records; knows no SQL and no Dagster."""

from mx_pipeline.mx_api.calls import Call, CallLimits, Endpoint, Gate, OnCall
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.mx_api.page import Page
from mx_pipeline.mx_api.paging import Pages

__all__ = ["Call", "CallLimits", "Endpoint", "Gate", "MxClient", "OnCall", "Page", "Pages"]
