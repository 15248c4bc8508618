-- Suggestions: a new model takes back what nobody answered, and never what somebody did; merchants share no names.

ALTER TABLE mx.category_suggestions
    ADD COLUMN model_category text;
COMMENT ON COLUMN mx.category_suggestions.model_category IS
    'What the model said, where a human accepted the product with another category.';

CREATE TRIGGER next_version_by_delete AFTER DELETE ON mx.category_suggestions REFERENCING OLD TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mx.begin_next_category_version();
CREATE POLICY model_changes_what_nobody_answered ON mx.category_suggestions AS RESTRICTIVE FOR UPDATE TO mx_loader
    USING (decision IS NULL) WITH CHECK (decision IS NULL);
CREATE POLICY model_takes_back_what_nobody_answered ON mx.category_suggestions AS RESTRICTIVE FOR DELETE TO mx_loader
    USING (decision IS NULL);
GRANT DELETE ON mx.category_suggestions TO mx_loader;
GRANT UPDATE (category, model_category) ON mx.category_suggestions TO mx_app;

-- What a merchant's people decided, as a model sees it: a name's hash, and the buckets that its pieces fall into.
CREATE TABLE mx.category_shares (
    merchant_id  bigint NOT NULL REFERENCES mx.mx_merchant_configs,
    name_hash    bytea NOT NULL CHECK (length(name_hash) = 32),
    category     text NOT NULL CHECK (length(category) BETWEEN 1 AND 200),
    buckets      integer[] NOT NULL,
    PRIMARY KEY (merchant_id, name_hash)
);
ALTER TABLE mx.category_shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE mx.category_shares FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_migrates ON mx.category_shares TO mx_owner USING (true) WITH CHECK (true);
CREATE POLICY backup_reads ON mx.category_shares FOR SELECT TO mx_backup USING (true);
CREATE POLICY only_this_merchant ON mx.category_shares AS RESTRICTIVE TO mx_loader, mx_app
    USING (merchant_id = (SELECT mx.current_merchant())) WITH CHECK (merchant_id = (SELECT mx.current_merchant()));
CREATE POLICY loader_works ON mx.category_shares TO mx_loader USING (true) WITH CHECK (true);
GRANT SELECT ON mx.category_shares TO mx_loader, mx_backup;
GRANT INSERT, UPDATE, DELETE ON mx.category_shares TO mx_loader;

COMMENT ON TABLE mx.category_shares IS
    'Names that a merchant''s people gave a category, hashed, as a model sees them; for models that several merchants teach.';
COMMENT ON COLUMN mx.category_shares.name_hash IS
    'SHA-256 of the name''s words, without case, digits and signs.';
COMMENT ON COLUMN mx.category_shares.buckets IS
    'The buckets, of 4,096, that the pieces of those words fall into.';

-- Of each name that three merchants or more know by one category: the category and the buckets. Not the name, not its
-- hash, not who or how many; a name that fewer know changes nothing here.
CREATE FUNCTION mx.shared_products() RETURNS TABLE (category text, buckets integer[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT category, buckets
      FROM mx.category_shares
     GROUP BY name_hash, category, buckets
    HAVING count(*) >= 3
     ORDER BY category COLLATE "C", buckets;
$$;
REVOKE EXECUTE ON FUNCTION mx.shared_products() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.shared_products() TO mx_loader;
