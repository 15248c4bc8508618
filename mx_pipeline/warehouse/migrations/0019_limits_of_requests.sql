-- A request's limits hold in the database as well; it can be a dry run; one that nobody answers in time is marked.

ALTER TABLE mx.sync_requests
    ADD COLUMN dry_run boolean NOT NULL DEFAULT false,
    ADD COLUMN waits_since timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN unanswered_at timestamptz;
UPDATE mx.sync_requests SET waits_since = asked_at;
ALTER TABLE mx.sync_runs ADD COLUMN dry_run boolean NOT NULL DEFAULT false;
GRANT UPDATE (unanswered_at) ON mx.sync_requests TO mx_dispatcher;
GRANT SELECT (holder) ON mx.sync_leases TO mx_app;

-- The limits of a request, as the door says them in words (`warehouse/requests.py`): whoever gets past the door is
-- refused here. Days are the merchant's own.
CREATE FUNCTION mx.limit_request() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
DECLARE
    today date := (now() AT TIME ZONE coalesce((SELECT timezone FROM mx.mx_merchant_configs
                                                 WHERE merchant_id = NEW.merchant_id), 'UTC'))::date;
    refusal text := CASE
        WHEN NEW.latest > 100 AND NOT NEW.emergency THEN 'more than 100 payments are an emergency'
        WHEN NEW.emergency AND coalesce(NEW.reason, '') !~ '\S' THEN 'an emergency needs a reason'
        WHEN length(NEW.reason) > 1000 THEN 'a reason has at most 1000 characters'
        WHEN NEW.dry_run AND NEW.latest IS NULL THEN 'a dry run compares the newest payments: say how many'
        WHEN NEW.mode = 'range' AND NEW.since IS NULL THEN 'a range needs its first day'
        WHEN NEW.since > today THEN 'a range begins today at the latest'
        WHEN NEW.until > today + 31 THEN 'a range ends within a month from today'
        WHEN coalesce(NEW.until, today + 1) > NEW.since + interval '13 months' THEN 'a range has at most 13 months'
    END;
BEGIN
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%', refusal USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER limits BEFORE INSERT ON mx.sync_requests FOR EACH ROW EXECUTE FUNCTION mx.limit_request();

CREATE FUNCTION mx.keep_what_was_asked() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
BEGIN
    RAISE EXCEPTION 'what was asked stays as it was asked' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER stays_as_asked BEFORE UPDATE OF mode, latest, since, until, emergency, reason, dry_run
    ON mx.sync_requests FOR EACH ROW
    WHEN ((OLD.mode, OLD.latest, OLD.since, OLD.until, OLD.emergency, OLD.reason, OLD.dry_run)
          IS DISTINCT FROM (NEW.mode, NEW.latest, NEW.since, NEW.until, NEW.emergency, NEW.reason, NEW.dry_run))
    EXECUTE FUNCTION mx.keep_what_was_asked();

-- A request whose process was lost, or told to stop, waits anew: nobody is late yet.
CREATE FUNCTION mx.wait_anew() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, mx AS $$
BEGIN
    NEW.waits_since := now();
    NEW.unanswered_at := NULL;
    RETURN NEW;
END $$;

CREATE TRIGGER waits_anew BEFORE UPDATE OF status ON mx.sync_requests FOR EACH ROW
    WHEN (NEW.status = 'asked' AND OLD.status <> 'asked') EXECUTE FUNCTION mx.wait_anew();
