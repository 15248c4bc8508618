"""The exceptions from the rules, each with its reason. One that is not needed any more fails a test too."""

from __future__ import annotations

ALLOWED: dict[tuple[str, str], str] = {
    ("a table without a tenant", "mx.migration_checksums"): "which migrations ran; no data",
    ("a table without a tenant", "mx.alembic_version"): "which migrations ran; no data",
    ("a table without a tenant", "mx.credential_budgets"): "how fast an API key may be asked, known by a keyed hash",
    ("a table without a tenant", "mx.credential_users"): "how many processes use an API key, known by a keyed hash",
    ("a table without a tenant", "mx.users"): "a person may be at several merchants; its own policies show whom",
    ("a table without a tenant", "mx.role_permissions"): "what each role allows, the same everywhere; no data",
    ("a table without a tenant", "mx.permission_implications"): "which permission contains which; no data",
    ("a table without a tenant", "mx.role_gives"): "who may give which role, the same everywhere; no data",
    ("a table without a tenant", "mx.webhook_strangers"): "how many came with a key that nobody has; no data",
    ("a table without a tenant that a role may touch", "mx.webhook_strangers for mx_dispatcher"): "the same",
    ("a table without a tenant", "mx.canary"): "how the last look of the canary ended; no data",
    ("a table without a tenant that a role may touch", "mx.canary for mx_dispatcher"): "the same",
    ("a table without a tenant", "mx.alerts"): "hashes of what operators were told, so that nobody is told twice",
    ("a table without a tenant that a role may touch", "mx.alerts for mx_dispatcher"): "the same",
    ("a table without a tenant that a role may touch", "mx.credential_budgets for mx_dispatcher"):
        "counts them for the metrics; it may not read whose they are",
    ("a table without a tenant", "mx.user_tokens"): "a person's, who may be at several merchants; hashes only",
    ("a table without a tenant", "mx.user_sessions"): "the same",
    ("a table without a tenant that a role may touch", "mx.users for mx_app"): "the same",
    ("a table without a tenant that a role may touch", "mx.user_sessions for mx_app"): "the same",
    ("a table without a tenant that a role may touch", "mx.user_tokens for mx_app"): "the same",
    ("a table without a tenant that a role may touch", "mx.role_permissions for mx_app"): "the same",
    ("a table without a tenant that a role may touch", "mx.permission_implications for mx_app"): "the same",
    ("a table without a tenant that a role may touch", "mx.role_gives for mx_app"): "the same",
    ("a table without a tenant that a role may touch", "mx.credential_budgets for mx_loader"): "the same",
    ("a table without a tenant that a role may touch", "mx.credential_users for mx_loader"): "the same",
    ("a key that does not begin with the merchant", "mx.mx_merchant_configs mx.mx_merchant_configs_id_key"):
        "random, made by the database; nobody chooses one to see whether it is taken",
    ("a key that does not begin with the merchant",
     "mx.user_tenant_permissions mx.user_tenant_permissions_id_key"): "the same",
    **{
        ("a reference that may cross tenants", reference): "to a person, who may be at several merchants"
        for reference in (
            "mx.mx_merchant_configs mx_merchant_configs_user_id_fkey",
            "mx.user_tenant_permissions user_tenant_permissions_user_id_fkey",
            "mx.user_tenant_permissions user_tenant_permissions_granted_by_fkey",
            "mx.invitations invitations_invited_by_fkey",
            "mx.invitations invitations_accepted_by_fkey",
        )
    },
    **{
        ("a function with its owner's rights", f"mx.{function}"):
            "decides who may do what, which has to be known before anyone may see it; tells no data"
        for function in (
            "access_of(uuid,bigint)", "is_at_merchant(uuid,bigint)", "may(text,bigint)",
            "may_give(bigint,uuid,text,jsonb)", "merchants_of(uuid)", "role_at(bigint)", "standing_of(uuid,bigint)",
        )
    },
    ("a function with its owner's rights", "mx.merchants_of_login(text)"):
        "which merchants whoever logged in may read: the table that says so is not theirs to read",
    ("a function with its owner's rights", "mx.merchants_with_figures()"):
        "whose figures whoever logged in, or the application's person, may read: the same",
    **{
        ("a tenant table that does not restrict a role to its merchant", f"mx.{table} for mx_aggregator"):
            "a restriction would hold mx_owner too, which is a member; another rule holds its only policy"
        for table in ("mx_merchant_configs", "payments", "enriched_transactions", "payment_people", "invoice_people",
                      "transaction_workflow")
    },
    **{
        ("a function with its owner's rights", f"mx.{function}"):
            "for who is nobody yet: says whose secret this is, to whoever has it"
        for function in (
            "token_presented(uuid)", "token_used(uuid)", "session_presented(uuid)", "session_used(uuid)",
            "person_of_subject(text,text,text)",
            "invitation_presented(uuid)", "accept_invitation(uuid,bytea)",
        )
    },
    ("a function with its owner's rights", "mx.receive_webhooks(jsonb)"):
        "whose key is in the address that MX rings at; keeps what it names there, and tells which keys are good",
    ("a function with its owner's rights", "mx.shared_products()"):
        "what three merchants or more call by the same category: category and buckets, no name, no hash, no merchant",
    ("a function with its owner's rights", "mx.count_webhook_strangers(bigint)"): "counts, and tells nothing",
    ("a function with its owner's rights", "mx.enter(text,text)"):
        "decides what the person may read, who does not see the rows that decide it",
    ("a function with its owner's rights", "mx.people_at(bigint)"):
        "super admins, too, can see a merchant's data, and whoever manages its people has to know",
    ("a tenant table whose rows no migration could change", "mx.audit_log"):
        "nobody changes what is written there, the owner neither",
    ("a tenant table that does not restrict a role to its merchant", "mx.audit_log for mx_auditor"):
        "it reads every chain, to verify it, and nothing else",
    ("a function with its owner's rights", "mx.chain_audit_entry()"):
        "a trigger: the writer of an entry cannot read the chain that it is added to",
    **{
        ("a tenant table that does not restrict a role to its merchant", f"mx.{table} for mx_dispatcher"):
            "it sees who waits, who works and how fresh everyone is, closes what a dead worker left, and sees no data"
        for table in ("mx_merchant_configs", "sync_requests", "sync_runs", "sync_state", "sync_leases",
                      "webhook_inbox", "webhook_subscriptions")
    },
}  # fmt: skip

SEES_EVERYONE: dict[str, dict[str, frozenset[str]]] = {
    "mx_auditor": {"audit_log": frozenset({"SELECT"})},
    "mx_dispatcher": {
        "mx_merchant_configs": frozenset({"SELECT"}),
        "sync_requests": frozenset({"SELECT", "UPDATE"}),
        "sync_runs": frozenset({"SELECT", "UPDATE"}),
        "sync_leases": frozenset({"SELECT"}),
        "sync_state": frozenset({"SELECT"}),
        "webhook_inbox": frozenset({"SELECT"}),
        "webhook_subscriptions": frozenset({"SELECT"}),
    },
}
"""Roles that work for all merchants: where, and what they may do there. The backup reads everything besides."""

FIGURES = "investor_"
"""Views of these names show sums of five customers and more: of a row per merchant they show nothing to anybody."""
