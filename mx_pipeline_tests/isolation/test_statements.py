"""S11: what the loader and the application can send is a list of named statements; one place sets the merchant."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import mx_pipeline
from mx_pipeline.warehouse.statements import statements

ROOT = Path(mx_pipeline.__file__).parent
NOT_THE_WAREHOUSE = ("local", "synthetic_mx", "mx_api")
"""Rooms that speak to no warehouse, or start the server that holds it."""
SINKS = frozenset(
    {"text", "exec_driver_sql", "execute", "executemany", "SQL", "copy_expert", "execute_values"}
)
SENT_BY_NAME = frozenset({"run", "one", "column", "ask"})
BUILT = {
    ("warehouse/statements.py", "text", "whole"): "the one door: a statement of a .sql file",
    ("warehouse/connections.py", "execute", "statement"): "one of entering.sql, which sets merchant and person",
    ("warehouse/connections.py", "execute", "ROLE_IS_UNSAFE"): "a constant",
    ("warehouse/administering.py", "SQL", "words"): "a literal, by its type; names and values are quoted by the driver",
    ("warehouse/administering.py", "exec_driver_sql", "statement"): "the same, by the migrating login",
    ("warehouse/migrations/__init__.py", "exec_driver_sql", "migration_sql(number)"): "a migration, by its owner",
    ("warehouse/removing.py", "exec_driver_sql", "statement.as_string(driver)"):
        "tables of the catalogue, quoted by the driver; by the migrating login",
    ("warehouse/backups.py", "exec_driver_sql", "statement"):
        "counts a table of the catalogue, quoted by the driver; by the login for backups, which writes nothing",
    ("worker/doorbell.py", "execute", "sql.SQL('LISTEN {}').format(sql.Identifier(CHANNEL))"): "a constant channel",
}  # fmt: skip
"""Everything that is sent and does not stand there as a plain literal, with the reason why it is safe."""
SETS_A_TENANT = re.compile(
    r"(?:set_config\s*\(\s*'|\bSET\s+(?:LOCAL\s+|SESSION\s+)?)(mx\.\w+)", re.IGNORECASE
)
SETS_ANYTHING = re.compile(
    r"set_config\s*\(\s*'(\w+)'|^\s*(?:SET|RESET)\s+(?:LOCAL\s+|SESSION\s+)?(\w+)", re.IGNORECASE
)
MAY_BE_SET = frozenset({"enable_nestloop", "cursor_tuple_fraction", "statement_timeout"})
FORBIDDEN_WORDS = re.compile(r"\b(EXECUTE|PREPARE|SET\s+ROLE|SESSION\s+AUTHORIZATION|DO|COPY|GRANT|ALTER)\b")


def test_s11_the_merchant_is_set_in_exactly_one_place() -> None:
    found = Counter(
        (str(path.relative_to(ROOT)), setting)
        for path in [*ROOT.rglob("*.py"), *ROOT.rglob("*.sql")]
        if "migrations" not in path.parts
        for setting in SETS_A_TENANT.findall(path.read_text(encoding="utf-8"))
    )

    assert found == {
        # alone, together with the lease, and with a batch of invoices besides
        ("warehouse/sql/entering.sql", "mx.merchant_id"): 3,
        ("warehouse/sql/entering.sql", "mx.user_id"): 3,
        # mx.enter, for the application; mx.accept_invitation: as whoever invited, and back
        ("warehouse/sql/schema.sql", "mx.merchant_id"): 1,
        ("warehouse/sql/schema.sql", "mx.user_id"): 3,
        ("warehouse/sql/schema.sql", "mx.may_enter"): 1,
        ("warehouse/sql/schema.sql", "mx.may_read_payments"): 1,
        ("warehouse/sql/schema.sql", "mx.may_read_invoices"): 1,
        ("warehouse/sql/schema.sql", "mx.may_read_names"): 1,
    }


def test_s11_no_statement_is_built_from_strings() -> None:
    built = {
        (str(path.relative_to(ROOT)), sink, sent)
        for path in _sources()
        for sink, sent in _sent(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert sorted(built - BUILT.keys()) == [], "a statement that is no literal and not listed"
    assert sorted(BUILT.keys() - built) == [], "listed, and not sent any more"


def test_s11_the_scan_finds_what_is_built_from_strings() -> None:
    guilty = """
session.execute(f"SELECT {name}")
session.execute("SELECT " + name)
cursor.execute("SELECT %s" % name)
text("SELECT {}".format(name))
sql.SQL(words)
cursor.execute(query)
"""

    assert len(list(_sent(ast.parse(guilty)))) == 6
    assert (
        list(_sent(ast.parse("cursor.execute('SELECT 1', (name,)); text('SELECT 1'); sql.SQL('SELECT {}')")))
        == []
    )


def test_s11_every_statement_that_is_sent_by_name_is_there_and_every_one_that_is_there_is_sent() -> None:
    pages = {path.stem for path in (ROOT / "warehouse" / "sql").glob("*.sql")} - {"schema"}
    there = {(page, name) for page in pages for name in statements(page)}
    told = re.compile(
        "|".join({word for path in ROOT.rglob("*.py") for word in _words(ast.parse(path.read_text()))})
    )
    sent = {
        (call.args[-2].value, call.args[-1].value)
        for path in sorted(ROOT.rglob("*.py"))
        for call in _calls(ast.parse(path.read_text(encoding="utf-8")))
        if _name_of(call) in SENT_BY_NAME
        and len(call.args) == 2
        and all(isinstance(word, ast.Constant) and isinstance(word.value, str) for word in call.args)
    }

    assert len(there) > 80
    assert sorted(sent - there) == []
    assert sorted(name for page, name in there if not told.fullmatch(name)) == []


def test_s11_no_named_statement_changes_a_role_a_tenant_or_a_right() -> None:
    for page in {path.stem for path in (ROOT / "warehouse" / "sql").glob("*.sql")} - {
        "schema",
        "roles",
        "entering",
    }:
        for name, statement in statements(page).items():
            words = re.sub(r"--[^\n]*", "", statement.text)
            settings = {word for pair in SETS_ANYTHING.findall(words) for word in pair if word}
            assert settings <= MAY_BE_SET, f"{page}.sql: {name}"
            assert "{" not in re.sub(r"'[^']*'", "", words), f"{page}.sql: {name}: a place to build into"
            found = FORBIDDEN_WORDS.search(words.replace("DO UPDATE", "").replace("DO NOTHING", ""))
            assert found is None, f"{page}.sql: {name}: {found}"


def test_s12_a_notification_carries_nothing() -> None:
    """Whoever listens hears it, of whatever tenant: so it says that somebody asked, and not who."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.sql"))

    sent = re.findall(r"pg_notify\s*\(([^)]*)\)|\bNOTIFY\s+([^;]*);", text)

    assert {first or second for first, second in sent} <= {"'mx_sync_requests', ''", "mx_sync_requests"}


def _sources() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] not in NOT_THE_WAREHOUSE:
            yield path


def _sent(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What goes to the database and is no plain literal."""
    for call in _calls(tree):
        sink = _name_of(call)
        if sink in SINKS and call.args and not _is_literal(call.args[0]):
            yield sink, ast.unparse(call.args[0])


def _is_literal(sent: ast.expr) -> bool:
    """A statement of a .sql file, a string, or a string with nothing but our own constants in it."""
    if isinstance(sent, ast.Subscript) and isinstance(sent.value, ast.Call):
        return _name_of(sent.value) == "statements"
    if isinstance(sent, ast.JoinedStr):
        parts = [part.value for part in sent.values if isinstance(part, ast.FormattedValue)]
        return all(isinstance(part, ast.Name) and part.id.isupper() for part in parts)
    return isinstance(sent, ast.Constant)


def _words(tree: ast.AST) -> Iterator[str]:
    """Names of statements as the code tells them: whole, or with a part that says which of some."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else r"\w+" for part in node.values]
            if re.fullmatch(r"[a-z_]{4,}", "".join(str(part) for part in parts).replace(r"\w+", "")):
                yield "".join(str(part) for part in parts)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name_of(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""
