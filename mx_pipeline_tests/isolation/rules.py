"""What no relation, function or role may be: each rule reads the catalogue and names what breaks it."""

from __future__ import annotations

from mx_pipeline.warehouse.logins import GROUP_ROLES, LOGIN_ROLES

ROLES = ", ".join(f"'{role}'" for role in (*LOGIN_ROLES, *GROUP_ROLES))
OUR_SCHEMAS = "SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
RELATIONS = f"""
    SELECT cls.*, format('%I.%I', space.nspname, cls.relname) AS name, tenant.attnum AS tenant,
           coalesce(tenant.attnotnull, false) AS tenant_is_told
      FROM pg_class AS cls
      JOIN pg_namespace AS space ON space.oid = cls.relnamespace
      LEFT JOIN pg_attribute AS tenant ON tenant.attrelid = cls.oid AND tenant.attname = 'merchant_id'
     WHERE cls.relnamespace IN ({OUR_SCHEMAS}) AND cls.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"""
FUNCTIONS = f"""
    SELECT proc.*, proc.oid::regprocedure::text AS name,
           (SELECT substr(setting, 13) FROM unnest(proconfig) AS setting WHERE setting LIKE 'search_path=%') AS path
      FROM pg_proc AS proc WHERE proc.pronamespace IN ({OUR_SCHEMAS})"""
PRIVILEGES = """
    SELECT relation.name, grantee, privilege_type, is_grantable, relkind, relowner
      FROM relation, aclexplode(coalesce(relacl, acldefault(
                              (CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", relowner)))
     UNION ALL
    SELECT relation.name, grantee, privilege_type, is_grantable, relkind, relowner
      FROM relation JOIN pg_attribute AS att ON att.attrelid = relation.oid AND att.attacl IS NOT NULL,
           aclexplode(att.attacl)"""
RUN_TIME = f"""
    SELECT role.* FROM pg_roles AS role
     WHERE role.rolname IN ({ROLES})
        OR (role.rolname <> 'mx_owner' AND NOT role.rolsuper
            AND role.oid IN (SELECT grantee FROM privilege WHERE grantee <> relowner))"""
THIS_MERCHANT = "(merchant_id = ( SELECT mx.current_merchant() AS current_merchant))"
THIS_MERCHANT_OR_PLATFORM = (
    "(merchant_id = COALESCE(( SELECT mx.current_merchant() AS current_merchant), (0)::bigint))"
)

READABLE_MERCHANT = "(merchant_id = (NULLIF(current_setting(''mx.may_%s''::text, true), ''''::text))::bigint)"
"""By what `mx.enter` decided: this merchant, or none."""

GRANTED_MERCHANTS = (
    "(merchant_id = ANY (( SELECT mx.merchants_of_login(''%s''::text) AS merchants_of_login)::bigint[]))"
)
"""By who logged in: a person with SQL sets what they like."""

_RULES = {
    "tables outside of the schema mx": "SELECT name FROM relation WHERE name NOT LIKE 'mx.%'",
    "a tenant table without forced row-level security": """
        SELECT name FROM relation
         WHERE relkind IN ('r', 'p') AND tenant IS NOT NULL AND NOT (relrowsecurity AND relforcerowsecurity)""",
    "a tenant table whose merchant may be left out": """
        SELECT name FROM relation WHERE relkind IN ('r', 'p') AND tenant IS NOT NULL AND NOT tenant_is_told""",
    "a table without a tenant": "SELECT name FROM relation WHERE relkind IN ('r', 'p') AND tenant IS NULL",
    "a foreign table": "SELECT name FROM relation WHERE relkind = 'f'",
    "a materialized view": "SELECT name FROM relation WHERE relkind = 'm'",
    "a view that reads with its owner's rights": """
        SELECT name FROM relation
         WHERE relkind = 'v'
           AND NOT coalesce(reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
           AND name NOT LIKE 'mx.investor\\_%'""",
    "a view for investors that leaks": """
        SELECT name FROM relation
         WHERE name LIKE 'mx.investor\\_%'
           AND NOT (relkind = 'v' AND relowner = 'mx_aggregator'::regrole
                    AND coalesce(reloptions && ARRAY['security_barrier=true', 'security_barrier=on'], false))""",
    "owned by another than mx_owner": """
        SELECT name FROM relation WHERE relowner <> 'mx_owner'::regrole AND name NOT LIKE 'mx.investor\\_%'
         UNION ALL SELECT name FROM routine WHERE proowner <> 'mx_owner'::regrole
         UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'mx' AND nspowner <> 'mx_owner'::regrole""",
    "a tenant table that does not restrict a role to its merchant": f"""
        SELECT relation.name || ' for ' || role.rolname
          FROM relation CROSS JOIN role
         WHERE relkind IN ('r', 'p') AND tenant IS NOT NULL AND role.rolname <> 'mx_backup'
           AND EXISTS (SELECT FROM privilege WHERE privilege.name = relation.name AND grantee = role.oid)
           AND NOT EXISTS (
               SELECT FROM pg_policy
                WHERE polrelid = relation.oid AND NOT polpermissive AND polcmd = '*' AND role.oid = ANY (polroles)
                  AND CASE WHEN role.rolname = 'mx_analyst'
                      THEN pg_get_expr(polwithcheck, polrelid) = 'false'
                           AND pg_get_expr(polqual, polrelid) = CASE WHEN name LIKE '%\\_people'
                               THEN '{GRANTED_MERCHANTS % "names"}' ELSE '{GRANTED_MERCHANTS % "data"}' END
                      ELSE pg_get_expr(polqual, polrelid) = CASE
                               WHEN role.rolname <> 'mx_app' OR polname <> 'only_what_may_be_read'
                               THEN '{THIS_MERCHANT}'
                               WHEN name = 'mx.mx_merchant_configs' THEN '{READABLE_MERCHANT % "enter"}'
                               WHEN name LIKE 'mx.invoice\\_%' THEN '{READABLE_MERCHANT % "read_invoices"}'
                               ELSE '{READABLE_MERCHANT % "read_payments"}' END
                           AND pg_get_expr(polwithcheck, polrelid) = CASE name WHEN 'mx.audit_log'
                               THEN '{THIS_MERCHANT_OR_PLATFORM}' ELSE '{THIS_MERCHANT}' END END)""",
    "a table that the owner of the investors' views reads of all": """
        SELECT relation.name
          FROM relation
         WHERE relkind IN ('r', 'p')
           AND EXISTS (SELECT FROM privilege
                        WHERE privilege.name = relation.name AND grantee = 'mx_aggregator'::regrole)
           AND (SELECT array_agg(pg_get_expr(polqual, polrelid)) FROM pg_policy
                 WHERE polrelid = relation.oid AND 'mx_aggregator'::regrole = ANY (polroles)) IS DISTINCT FROM ARRAY[
                '(merchant_id = ANY (( SELECT mx.merchants_with_figures() AS merchants_with_figures)::bigint[]))']""",
    "a policy for everyone": """
        SELECT relation.name || ' ' || polname FROM pg_policy JOIN relation ON relation.oid = polrelid
         WHERE 0 = ANY (polroles)""",
    "a table that no backup contains": """
        SELECT name FROM relation
         WHERE relkind IN ('r', 'p', 'S') AND NOT (
               EXISTS (SELECT FROM privilege WHERE privilege.name = relation.name
                          AND grantee = 'mx_backup'::regrole AND privilege_type = 'SELECT')
               AND (NOT relrowsecurity OR EXISTS (
                    SELECT FROM pg_policy WHERE polrelid = relation.oid AND polpermissive AND polcmd IN ('r', '*')
                       AND 'mx_backup'::regrole = ANY (polroles) AND pg_get_expr(polqual, polrelid) = 'true'))
               AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = relation.oid AND NOT polpermissive
                                  AND 'mx_backup'::regrole = ANY (polroles)))""",
    "a tenant table whose rows no migration could change": """
        SELECT name FROM relation
         WHERE relkind IN ('r', 'p') AND relrowsecurity AND NOT EXISTS (
               SELECT FROM pg_policy WHERE polrelid = relation.oid AND polpermissive AND polcmd = '*'
                  AND 'mx_owner'::regrole = ANY (polroles) AND pg_get_expr(polqual, polrelid) = 'true')""",
    "a key that does not begin with the merchant": """
        SELECT relation.name || ' ' || indexrelid::regclass::text
          FROM pg_index JOIN relation ON relation.oid = indrelid
         WHERE (indisunique OR indisexclusion) AND tenant IS NOT NULL AND indkey[0] <> tenant""",
    "a reference that may cross tenants": """
        SELECT relation.name || ' ' || conname
          FROM pg_constraint JOIN relation ON relation.oid = conrelid
         WHERE contype = 'f' AND tenant IS NOT NULL
           AND (array_position(conkey, tenant) IS NULL
                OR (SELECT attname FROM pg_attribute WHERE attrelid = confrelid
                       AND attnum = confkey[array_position(conkey, tenant)]) <> 'merchant_id')""",
    "a privilege that row-level security does not cover": """
        SELECT DISTINCT name || ' ' || privilege_type || ' for ' || grantee::regrole FROM privilege
         WHERE grantee <> relowner AND grantee <> 0
           AND (is_grantable OR privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
                OR (relkind = 'S' AND NOT (privilege_type = 'SELECT' AND grantee = 'mx_backup'::regrole)))""",
    "a privilege of everyone": f"""
        SELECT name || ' ' || privilege_type FROM privilege WHERE grantee = 0
         UNION ALL SELECT name || ' EXECUTE' FROM routine, aclexplode(coalesce(proacl, acldefault('f', proowner)))
                    WHERE grantee = 0
         UNION ALL SELECT nspname || ' ' || privilege_type FROM pg_namespace, aclexplode(nspacl)
                    WHERE grantee = 0 AND oid IN ({OUR_SCHEMAS})
                      AND NOT (nspname = 'public' AND privilege_type = 'USAGE')""",
    "a privilege that new objects get by themselves": """
        SELECT DISTINCT defaclrole::regrole || ' gives ' || privilege_type || ' to '
               || CASE grantee WHEN 0 THEN 'everyone' ELSE grantee::regrole::text END
          FROM pg_default_acl, aclexplode(defaclacl) WHERE grantee <> defaclrole""",
    "a table without a tenant that a role may touch": """
        SELECT DISTINCT relation.name || ' for ' || grantee::regrole
          FROM relation JOIN privilege USING (name)
         WHERE relation.relkind IN ('r', 'p') AND tenant IS NULL
           AND grantee NOT IN (relation.relowner, 'mx_backup'::regrole)""",
    "a function with an open search_path": """
        SELECT name FROM routine
         WHERE path IS NULL OR path !~ '^pg_catalog(, mx)?(, pg_temp)?$' OR (prosecdef AND path !~ ', pg_temp$')""",
    "a function with its owner's rights": "SELECT name FROM routine WHERE prosecdef",
    "a function that claims to leak nothing": "SELECT name FROM routine WHERE proleakproof",
    "a rule that rewrites statements": """
        SELECT relation.name || ' ' || rulename FROM pg_rewrite JOIN relation ON relation.oid = ev_class
         WHERE rulename <> '_RETURN'""",
    "a trigger by a function from elsewhere": """
        SELECT relation.name || ' ' || tgname FROM pg_trigger JOIN relation ON relation.oid = tgrelid
         WHERE NOT tgisinternal
           AND tgfoid NOT IN (SELECT oid FROM routine WHERE pronamespace = 'mx'::regnamespace)""",
    "a publication": "SELECT pubname::text FROM pg_publication",
    "a role with a power": """
        SELECT rolname::text FROM role
         WHERE rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication""",
    "a role that may become another": """
        SELECT role.rolname || ' as ' || roleid::regrole
          FROM role JOIN pg_auth_members ON member = role.oid
         WHERE NOT roleid IN ('mx_analyst'::regrole, 'mx_investor'::regrole)""",
    "a role that nobody has heard of": f"""
        SELECT rolname::text FROM role WHERE rolname NOT IN ({ROLES})""",
    "a setting that comes with a login": """
        SELECT CASE setrole WHEN 0 THEN 'everyone' ELSE setrole::regrole::text END || ' ' || setting
          FROM pg_db_role_setting, unnest(setconfig) AS setting
         WHERE setting ~* '^(mx\\.|row_security|role|session_authorization|search_path|session_replication_role)'""",
}

RULES = {
    rule: f"""WITH relation AS ({RELATIONS}), routine AS ({FUNCTIONS}), privilege AS ({PRIVILEGES}),
              role AS ({RUN_TIME}) {statement} ORDER BY 1"""
    for rule, statement in _RULES.items()
}
