-- Whoever manages the people of a merchant sees who reads it with SQL.

GRANT SELECT ON mx.sql_logins TO mx_app;
CREATE POLICY app_works ON mx.sql_logins FOR SELECT TO mx_app USING (true);
CREATE POLICY app_reads_with_permission ON mx.sql_logins AS RESTRICTIVE FOR SELECT TO mx_app
    USING ((SELECT mx.may('users.manage', mx.current_merchant())));
