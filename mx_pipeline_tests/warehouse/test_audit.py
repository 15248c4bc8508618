"""The audit log is only ever added to, and every change of it is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from mx_pipeline.errors import WarehouseError
from mx_pipeline.warehouse.audit import ACTIONS, PLATFORM, record
from mx_pipeline.warehouse.audit_chain import ChainEnd, Finding, verify
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

OTHER = MERCHANT + 1
AS_OWNER = "SET LOCAL ROLE mx_owner; ALTER TABLE mx.audit_log DISABLE TRIGGER ALL; RESET ROLE; "
GUARDED_AGAIN = (
    "; ALTER TABLE mx.audit_log ENABLE ALWAYS TRIGGER chain_entry"
    "; ALTER TABLE mx.audit_log ENABLE ALWAYS TRIGGER only_added_to"
)
REHASH_FROM_3 = """
DO $do$
DECLARE one mx.audit_log; before bytea;
BEGIN
    FOR one IN SELECT * FROM mx.audit_log WHERE entry >= 3 ORDER BY entry LOOP
        SELECT hash INTO before FROM mx.audit_log WHERE merchant_id = one.merchant_id AND entry = one.entry - 1;
        UPDATE mx.audit_log
           SET previous_hash = before,
               hash = sha256(mx.audit_bytes(one.merchant_id::text, one.entry::text,
                   to_char(one.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), one.actor, one.action,
                   one.subject, one.detail::text, one.written_by, encode(before, 'hex')))
         WHERE merchant_id = one.merchant_id AND entry = one.entry;
    END LOOP;
END $do$"""
PUT_IN = """
INSERT INTO mx.audit_log
SELECT merchant_id, 7, at, actor, action, subject, detail, written_by, previous_hash, hash
  FROM mx.audit_log WHERE entry = 6"""
CHANGED = "UPDATE mx.audit_log SET actor = 'operator:nobody' WHERE entry = 3"


@pytest.fixture
def log(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """A chain of six."""
    for number in range(6):
        _record(warehouse, detail={"number": number, "ü": None, "text": "1:2,3"}, subject=f"run {number}")
    return warehouse


@pytest.mark.parametrize("role", ["app", "loader"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mx.audit_log SET actor = 'user:me'",
        "DELETE FROM mx.audit_log",
        "TRUNCATE mx.audit_log",
        "SELECT * FROM mx.audit_log",
        "INSERT INTO mx.audit_log (merchant_id, entry, actor, action) VALUES (1000000001, 2, 'user:me', 'names.read')",
        "INSERT INTO mx.audit_log (merchant_id, at, actor, action) VALUES (1000000001, now(), 'user:me', 'names.read')",
        "INSERT INTO mx.audit_log (merchant_id, hash, actor, action) VALUES (1000000001, '', 'user:me', 'names.read')",
        "ALTER TABLE mx.audit_log DISABLE TRIGGER only_added_to",
        "DROP TRIGGER only_added_to ON mx.audit_log",
        "SET session_replication_role = replica",
    ],
)
def test_s20_the_roles_of_our_processes_can_only_add(
    log: WarehouseUnderTest, role: str, statement: str
) -> None:
    with (
        pytest.raises(Exception, match=r"denied|must be owner"),
        getattr(log, role).merchant(MERCHANT) as tenant,
    ):
        tenant.connection.execute(text(statement))

    assert _verify(log) == ()


@pytest.mark.parametrize("role", ["app", "loader"])
def test_an_event_goes_to_the_merchant_that_the_transaction_is_open_for_and_to_no_other(
    log: WarehouseUnderTest, role: str
) -> None:
    planted = text(
        "INSERT INTO mx.audit_log (merchant_id, actor, action) VALUES (:m, 'user:me', 'names.read')"
    )
    opened = getattr(log, role)

    with opened.everyone() as session:
        record(session, actor="user:me", action="user.added")
    for merchant_id in (OTHER, PLATFORM):
        with pytest.raises(Exception, match="row-level security"), opened.merchant(MERCHANT) as tenant:
            tenant.connection.execute(planted, {"m": merchant_id})
    with pytest.raises(Exception, match="row-level security"), opened.everyone() as session:
        session.connection.execute(planted, {"m": MERCHANT})

    assert log.rows("SELECT merchant_id, count(*) FROM mx.audit_log GROUP BY 1 ORDER BY 1") == [
        (PLATFORM, 1),
        (MERCHANT, 6),
    ]


@pytest.mark.parametrize("statement", [CHANGED, "DELETE FROM mx.audit_log", "TRUNCATE mx.audit_log"])
@pytest.mark.parametrize(
    "who", ["", "SET LOCAL ROLE mx_owner; ", "SET LOCAL session_replication_role = replica; "]
)
def test_s20_even_the_owner_is_refused_as_long_as_the_triggers_stand(
    log: WarehouseUnderTest, who: str, statement: str
) -> None:
    with pytest.raises(Exception, match="only ever added to"):
        log.damage(who + statement)

    assert len(log.rows("SELECT FROM mx.audit_log")) == 6


@pytest.mark.parametrize(
    ("damage", "entry", "problem"),
    [
        (CHANGED, 3, "changed after"),
        ("UPDATE mx.audit_log SET detail = '{}' WHERE entry = 3", 3, "changed after"),
        ("UPDATE mx.audit_log SET at = at - interval '1 second' WHERE entry = 3", 3, "changed after"),
        ("UPDATE mx.audit_log SET subject = NULL WHERE entry = 3", 3, "changed after"),
        ("UPDATE mx.audit_log SET written_by = 'x' WHERE entry = 3", 3, "changed after"),
        ("DELETE FROM mx.audit_log WHERE entry = 3", 3, "missing"),
        ("DELETE FROM mx.audit_log WHERE entry = 1", 1, "missing"),
        ("DELETE FROM mx.audit_log WHERE entry = 3; UPDATE mx.audit_log SET entry = entry - 1 WHERE entry > 3", 3,
         "does not follow"),
        ("UPDATE mx.audit_log SET entry = 7 - entry WHERE entry IN (3, 4)", 3, "does not follow"),
        (PUT_IN, 7, "does not follow"),
    ],
)  # fmt: skip
def test_s20_what_the_owner_changes_after_taking_the_trigger_away_is_found(
    log: WarehouseUnderTest, damage: str, entry: int, problem: str
) -> None:
    log.damage(
        "ALTER TABLE mx.audit_log DROP CONSTRAINT audit_log_pkey; " + AS_OWNER + damage + GUARDED_AGAIN
    )

    (finding,) = _verify(log)

    assert (finding.merchant_id, finding.entry) == (MERCHANT, entry)
    assert problem in finding.problem


@pytest.mark.parametrize(
    ("damage", "entry", "problem"),
    [
        ("DELETE FROM mx.audit_log WHERE entry > 4", 6, "cut off"),
        ("DELETE FROM mx.audit_log", 6, "cut off"),
        (f"{CHANGED}; {REHASH_FROM_3}", 5, "rewritten"),
    ],
)
def test_s20_only_the_anchor_finds_an_end_that_was_cut_off_or_hashed_anew(
    log: WarehouseUnderTest, damage: str, entry: int, problem: str
) -> None:
    (end,) = _ends(log)
    before = ChainEnd(
        MERCHANT, 5, log.value("SELECT encode(hash, 'hex') FROM mx.audit_log WHERE entry = 5"), end.at
    )
    log.damage(AS_OWNER + damage + GUARDED_AGAIN)

    assert _verify(log) == ()
    (finding,) = _verify(log, before, end)
    assert (finding.merchant_id, finding.entry) == (MERCHANT, entry)
    assert problem in finding.problem


@pytest.mark.parametrize(
    ("damage", "guard"),
    [
        ("ALTER TABLE mx.audit_log DISABLE TRIGGER only_added_to", "only_added_to"),
        ("DROP TRIGGER chain_entry ON mx.audit_log", "chain_entry"),
        ("ALTER TABLE mx.audit_log ENABLE REPLICA TRIGGER chain_entry", "chain_entry"),
    ],
)
def test_s20_a_trigger_that_was_taken_away_is_missed(
    log: WarehouseUnderTest, damage: str, guard: str
) -> None:
    log.damage(damage)

    assert _verify(log) == (
        Finding(None, None, f"the trigger {guard} of mx.audit_log is missing or switched off"),
    )


def test_what_was_anchored_stays_proven_while_the_chain_goes_on(log: WarehouseUnderTest) -> None:
    ends = _ends(log)
    _record(log)

    assert _verify(log, *ends) == ()


def test_the_chain_of_a_merchant_is_written_by_one_at_a_time_and_that_of_another_meanwhile(
    log: WarehouseUnderTest,
) -> None:
    with log.app.merchant(MERCHANT) as tenant:
        record(tenant, actor="user:slow", action="names.read")
        with log.loader.merchant(OTHER) as other:
            record(other, actor="user:quick", action="names.read")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _record(log), range(40)))

    assert log.value("SELECT max(entry) FROM mx.audit_log WHERE merchant_id = :m", m=MERCHANT) == 47
    assert _verify(log) == ()


def test_what_was_not_committed_leaves_no_gap(log: WarehouseUnderTest) -> None:
    with pytest.raises(Exception, match="division by zero"), log.app.merchant(MERCHANT) as tenant:
        _record_and_break(tenant)
    _record(log)

    assert log.value("SELECT max(entry) FROM mx.audit_log") == 7
    assert _verify(log) == ()


def test_the_database_names_the_login_that_wrote_whatever_actor_is_claimed(log: WarehouseUnderTest) -> None:
    with log.loader.merchant(MERCHANT) as tenant:
        record(tenant, actor="user:someone else", action="names.read")

    assert log.value("SELECT written_by FROM mx.audit_log WHERE entry = 7") == "mx_loader"


def test_the_database_knows_the_same_actions_and_no_others(warehouse: WarehouseUnderTest) -> None:
    with warehouse.app.everyone() as session:
        for action in ACTIONS:
            record(session, actor="process:test", action=action)
    with pytest.raises(WarehouseError), warehouse.app.everyone() as session:
        record(session, actor="process:test", action="data.burnt")  # pyright: ignore[reportArgumentType] # on purpose
    with pytest.raises(WarehouseError), warehouse.app.everyone() as session:
        record(session, actor="somebody", action="names.read")

    known = warehouse.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'audit_log_action_check'"
    )
    assert known.count("::text") == len(ACTIONS)


def _record(log: WarehouseUnderTest, **event: object) -> None:
    with log.app.merchant(MERCHANT) as tenant:
        record(tenant, actor="operator:test", action="sync.asked", **event)  # pyright: ignore[reportArgumentType]


def _record_and_break(tenant: Tenant) -> None:
    record(tenant, actor="user:me", action="names.read")
    tenant.connection.execute(text("SELECT 1 / 0"))


def _verify(log: WarehouseUnderTest, *anchors: ChainEnd) -> tuple[Finding, ...]:
    with log.auditor.everyone() as session:
        return verify(session, anchors).findings


def _ends(log: WarehouseUnderTest) -> tuple[ChainEnd, ...]:
    with log.auditor.everyone() as session:
        return verify(session).ends
