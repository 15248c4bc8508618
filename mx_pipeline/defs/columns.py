"""The columns that the catalog shows: the warehouse's own dictionary, as Dagster writes it."""

from __future__ import annotations

import dagster as dg

from mx_pipeline.warehouse.dictionary import tables


def columns_of(table: str) -> dg.TableSchema:
    """Names, types and meanings of one table of the schema `mx`."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.meaning or None,
                constraints=dg.TableColumnConstraints(nullable=column.is_nullable),
            )
            for column in tables()[table].columns
        ]
    )
