"""The command `mx-pipeline`. Nothing heavy is imported before a command needs it: --help is asked for often."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer

from mx_pipeline.correlation import Correlation, carry_on, new_correlation_id
from mx_pipeline.no_core_dumps import leave_no_core_dump
from mx_pipeline.operations import (
    access_commands,
    audit_commands,
    backup_commands,
    canary_command,
    cancel_command,
    category_commands,
    doctor_command,
    export_command,
    invitation_commands,
    key_commands,
    local_commands,
    merchant_commands,
    migrate_command,
    quarantine_commands,
    rule_commands,
    serve_command,
    sql_login_commands,
    status_command,
    suggestion_commands,
    sync_command,
    token_commands,
    trace_command,
    user_commands,
    webhook_commands,
)
from mx_pipeline.operations.border import leave, run
from mx_pipeline.operations.printing import say
from mx_pipeline.seeing.logs import log_to_stderr
from mx_pipeline.seeing.tracing import trace_if_wanted

if TYPE_CHECKING:
    from io import TextIOWrapper

app = typer.Typer(
    help="Keeps every merchant's MX Merchant payments and invoices in Postgres.",
    epilog="Exit codes: 0 success, 1 failed, 2 wrong usage or settings, 3 partial, 4 denied, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("migrate")(migrate_command.migrate)
app.add_typer(merchant_commands.app, name="merchants")
app.command("sync")(sync_command.sync)
app.command("cancel")(cancel_command.cancel)
app.command("status")(status_command.status)
app.command("doctor")(doctor_command.doctor)
app.command("canary")(canary_command.canary)
app.command("trace")(trace_command.trace)
app.command("export")(export_command.export)
app.add_typer(quarantine_commands.app, name="quarantine")
app.add_typer(webhook_commands.app, name="webhooks")
categories = category_commands.app
categories.command("try")(rule_commands.try_out)
categories.add_typer(rule_commands.app, name="rules")
suggestion_commands.add_to(categories)
app.add_typer(categories, name="categories")
app.add_typer(audit_commands.app, name="audit")
app.add_typer(key_commands.app, name="keys")
app.command("backup")(backup_commands.backup)
app.command("restore")(backup_commands.restore)
users = user_commands.app
users.command("invite")(invitation_commands.invite)
users.command("accept")(invitation_commands.accept)
users.command("token")(token_commands.token)
users.command("tokens")(token_commands.tokens)
users.command("revoke-token")(token_commands.revoke_token)
users.add_typer(sql_login_commands.app, name="sql-login")
app.add_typer(users, name="users")
app.add_typer(access_commands.app, name="access")
app.command("up")(local_commands.up)
app.command("serve")(serve_command.serve)
app.command("worker")(local_commands.worker)
app.command("demo")(local_commands.demo)
app.command("synthetic-mx")(local_commands.synthetic_mx)


def main() -> NoReturn:
    """The entry point."""
    leave_no_core_dump()
    # A clinic's name that this terminal cannot show must not end the command.
    cast("TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
    leave(run(app, sys.argv[1:], before=_begin))


def _begin() -> None:
    """What a command logs, and asks for, says that it is this command's."""
    log_to_stderr()
    trace_if_wanted()
    carry_on(Correlation(correlation_id=new_correlation_id()))


def _version(wanted: bool) -> None:  # noqa: FBT001 # Typer's way to call it
    if wanted:
        from importlib.metadata import version

        say(f"mx-pipeline {version('mx_pipeline')}")
        raise typer.Exit


@app.callback()
def _common(
    *,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Keeps every merchant's MX Merchant payments and invoices in Postgres."""
