"""While a sealing key is being replaced, a login's password comes from the new key or still from the previous one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg2
from sqlalchemy import Engine, event


def try_each(engine: Engine, passwords: Sequence[str]) -> None:
    """Connect with whichever is in force; the one that was good last is tried first."""
    if len(passwords) < 2:  # nothing to choose from
        return
    in_order = list(passwords)

    def connect(dialect: Any, _record: object, arguments: Any, parameters: Any) -> Any:
        for password in tuple(in_order):
            try:
                connection = dialect.connect(*arguments, **{**parameters, "password": password})
            except psycopg2.OperationalError as error:
                if "authentication failed" not in str(error) or password == in_order[-1]:
                    raise
            else:
                in_order.sort(key=lambda known: known != password)
                return connection
        raise AssertionError("the last password is taken or refused")

    event.listen(engine, "do_connect", connect)
