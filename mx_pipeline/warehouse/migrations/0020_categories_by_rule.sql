-- What a product is: by its exact name, by rules, by hand, by suggestion; every decision says who and when.

ALTER TABLE mx.product_categories ADD COLUMN made_by text;

-- How the categories of one merchant stand. Each edit is a new version, and everything is derived again for it.
CREATE TABLE mx.category_books (
    merchant_id      bigint PRIMARY KEY REFERENCES mx.mx_merchant_configs,
    version          bigint NOT NULL DEFAULT 0,
    derived_version  bigint NOT NULL DEFAULT 0,
    apply_from       numeric NOT NULL DEFAULT 0.9,
    ask_from         numeric NOT NULL DEFAULT 0.6,
    changed_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (0 <= ask_from AND ask_from <= apply_from AND apply_from <= 1)
);

CREATE TABLE mx.category_rules (
    merchant_id   bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    rule_id       integer NOT NULL CHECK (rule_id > 0),
    kind          text NOT NULL CHECK (kind IN ('contains', 'starts_with', 'regex', 'price')),
    pattern       text CHECK (length(pattern) BETWEEN 1 AND 200),
    min_price     numeric CHECK (min_price <> 'NaN'),
    max_price     numeric CHECK (max_price <> 'NaN'),
    active_from   date,
    active_until  date,
    priority      integer NOT NULL DEFAULT 100,
    category      text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    made_by       text NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    withdrawn_by  text,
    withdrawn_at  timestamptz,
    PRIMARY KEY (merchant_id, rule_id),
    CHECK ((kind = 'price') = (pattern IS NULL)),
    CHECK (kind <> 'price' OR min_price IS NOT NULL OR max_price IS NOT NULL),
    CHECK (min_price <= max_price),
    CHECK (active_from < active_until),
    CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
);

CREATE TABLE mx.category_overrides (
    merchant_id    bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    override_id    integer NOT NULL CHECK (override_id > 0),
    mx_payment_id  bigint,
    product_name   text,
    category       text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    reason         text CHECK (length(reason) <= 500),
    made_by        text NOT NULL,
    made_at        timestamptz NOT NULL DEFAULT now(),
    withdrawn_by   text,
    withdrawn_at   timestamptz,
    PRIMARY KEY (merchant_id, override_id),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments,
    CHECK ((mx_payment_id IS NULL) <> (product_name IS NULL)),
    CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
);
CREATE UNIQUE INDEX category_overrides_of_payment ON mx.category_overrides (merchant_id, mx_payment_id)
    WHERE withdrawn_at IS NULL;
CREATE UNIQUE INDEX category_overrides_of_product ON mx.category_overrides (merchant_id, product_name)
    WHERE withdrawn_at IS NULL;

-- One per product: what a model thinks, and what a human said to that. Applied from `category_books.apply_from` on,
-- or once accepted; waits for a human from `ask_from` on.
CREATE TABLE mx.category_suggestions (
    merchant_id   bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    product_name  text NOT NULL,
    category      text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    confidence    numeric NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    model         text NOT NULL,
    suggested_at  timestamptz NOT NULL,
    decision      text CHECK (decision IN ('accepted', 'rejected')),
    decided_by    text,
    decided_at    timestamptz,
    active_from   date,
    active_until  date,
    PRIMARY KEY (merchant_id, product_name),
    CHECK ((decision IS NULL) = (decided_at IS NULL)),
    CHECK (active_from < active_until)
);

ALTER TABLE mx.enriched_transactions
    ADD COLUMN category_rule_id     integer,
    ADD COLUMN category_confidence  numeric,
    ADD COLUMN category_decided_by  text,
    ADD COLUMN category_decided_at  timestamptz;

-- The ledger: every change of a category that was derived before.
CREATE TABLE mx.category_history (
    merchant_id      bigint NOT NULL,
    mx_payment_id    bigint NOT NULL,
    changed_at       timestamptz NOT NULL,
    category_before  text,
    source_before    text,
    category         text,
    source           text,
    rule_id          integer,
    confidence       numeric,
    decided_by       text,
    PRIMARY KEY (merchant_id, mx_payment_id, changed_at),
    FOREIGN KEY (merchant_id, mx_payment_id) REFERENCES mx.payments ON DELETE CASCADE
);

CREATE FUNCTION mx.remember_categories() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO mx.category_history (merchant_id, mx_payment_id, changed_at, category_before, source_before,
                                     category, source, rule_id, confidence, decided_by)
    SELECT after.merchant_id, after.mx_payment_id, clock_timestamp(), before.product_category, before.category_source,
           after.product_category, after.category_source, after.category_rule_id, after.category_confidence,
           after.category_decided_by
      FROM after
      JOIN before USING (merchant_id, mx_payment_id)
     WHERE (before.product_category, before.category_source, before.category_rule_id)
           IS DISTINCT FROM (after.product_category, after.category_source, after.category_rule_id);
    RETURN NULL;
END $$;
CREATE TRIGGER remember_categories AFTER UPDATE ON mx.enriched_transactions
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mx.remember_categories();

-- Whoever edits waits for what is being derived, and whoever derives sees all of an edit or nothing.
CREATE FUNCTION mx.categories_lock(merchant bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog
    RETURN hashtextextended('mx.category_books ' || merchant, 0);

CREATE FUNCTION mx.begin_next_category_version() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(mx.categories_lock(changed.merchant_id))
       FROM (SELECT DISTINCT merchant_id FROM after ORDER BY merchant_id) AS changed;
    INSERT INTO mx.category_books AS book (merchant_id, version)
    SELECT DISTINCT merchant_id, 1 FROM after ORDER BY merchant_id
        ON CONFLICT (merchant_id) DO UPDATE SET version = book.version + 1, changed_at = now();
    RETURN NULL;
END $$;

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['product_categories', 'category_rules', 'category_overrides',
                                   'category_suggestions'] LOOP
        EXECUTE format('CREATE TRIGGER next_version_by_insert AFTER INSERT ON mx.%I REFERENCING NEW TABLE AS after
                            FOR EACH STATEMENT EXECUTE FUNCTION mx.begin_next_category_version()', guarded);
        EXECUTE format('CREATE TRIGGER next_version_by_update AFTER UPDATE ON mx.%I REFERENCING NEW TABLE AS after
                            FOR EACH STATEMENT EXECUTE FUNCTION mx.begin_next_category_version()', guarded);
    END LOOP;
    FOREACH guarded IN ARRAY ARRAY['category_books', 'category_rules', 'category_overrides', 'category_suggestions',
                                   'category_history'] LOOP
        EXECUTE format('ALTER TABLE mx.%I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE mx.%I FORCE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY owner_migrates ON mx.%I TO mx_owner USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY backup_reads ON mx.%I FOR SELECT TO mx_backup USING (true)', guarded);
        EXECUTE format(
            'CREATE POLICY only_this_merchant ON mx.%I AS RESTRICTIVE TO mx_loader, mx_app
                 USING (merchant_id = (SELECT mx.current_merchant()))
                 WITH CHECK (merchant_id = (SELECT mx.current_merchant()))', guarded);
        EXECUTE format('CREATE POLICY loader_works ON mx.%I TO mx_loader USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('CREATE POLICY app_works ON mx.%I TO mx_app USING (true) WITH CHECK (true)', guarded);
        EXECUTE format(
            'CREATE POLICY app_reads_with_permission ON mx.%I AS RESTRICTIVE FOR SELECT TO mx_app
                 USING ((SELECT mx.may(''transactions.view:readonly'', mx.current_merchant()))
                        OR (SELECT mx.may(''invoices.view:readonly'', mx.current_merchant())))', guarded);
        EXECUTE format(
            'CREATE POLICY app_adds_with_permission ON mx.%I AS RESTRICTIVE FOR INSERT TO mx_app
                 WITH CHECK ((SELECT mx.may(''transactions.view'', mx.current_merchant())))', guarded);
        EXECUTE format(
            'CREATE POLICY app_changes_with_permission ON mx.%I AS RESTRICTIVE FOR UPDATE TO mx_app
                 USING ((SELECT mx.may(''transactions.view'', mx.current_merchant())))', guarded);
        EXECUTE format('CREATE POLICY analyst_reads ON mx.%I FOR SELECT TO mx_analyst USING (true)', guarded);
        EXECUTE format(
            'CREATE POLICY only_granted_merchants ON mx.%I AS RESTRICTIVE TO mx_analyst
                 USING (merchant_id = ANY ((SELECT mx.merchants_of_login(''data''))::bigint[])) WITH CHECK (false)',
            guarded);
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION mx.remember_categories(), mx.begin_next_category_version(), mx.categories_lock(bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.categories_lock(bigint) TO mx_loader, mx_app;

GRANT SELECT ON mx.category_books, mx.category_rules, mx.category_overrides, mx.category_suggestions,
    mx.category_history TO mx_loader, mx_app, mx_analyst, mx_backup;
GRANT INSERT ON mx.category_history TO mx_loader;
GRANT INSERT, UPDATE (version, derived_version, changed_at) ON mx.category_books TO mx_loader;
GRANT INSERT, UPDATE (category, confidence, model, suggested_at) ON mx.category_suggestions TO mx_loader;
GRANT INSERT (merchant_id, version, apply_from, ask_from), UPDATE (version, apply_from, ask_from, changed_at)
    ON mx.category_books TO mx_app;
GRANT INSERT (merchant_id, rule_id, kind, pattern, min_price, max_price, active_from, active_until, priority, category,
              made_by), UPDATE (withdrawn_by, withdrawn_at) ON mx.category_rules TO mx_app;
GRANT INSERT (merchant_id, override_id, mx_payment_id, product_name, category, reason, made_by),
    UPDATE (withdrawn_by, withdrawn_at) ON mx.category_overrides TO mx_app;
GRANT UPDATE (decision, decided_by, decided_at, active_from, active_until) ON mx.category_suggestions TO mx_app;

COMMENT ON COLUMN mx.enriched_transactions.category_source IS
    'What the category was taken from: override, exact_name, rule, suggestion, or none.';
COMMENT ON COLUMN mx.enriched_transactions.category_rule_id IS
    'The rule that decided it, of the merchant''s category rules.';
COMMENT ON COLUMN mx.enriched_transactions.category_confidence IS
    'How sure the model was, 0 to 1, where a suggestion decided it.';
COMMENT ON COLUMN mx.enriched_transactions.category_decided_by IS
    'Who made the override, the name''s category, the rule or the suggestion.';
COMMENT ON COLUMN mx.enriched_transactions.category_decided_at IS
    'When they did.';
