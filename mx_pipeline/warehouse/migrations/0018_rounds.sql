-- Who is due for a sync: when the merchant's night was, when it was last read whole, when something last changed.

ALTER TABLE mx.sync_state
    ADD COLUMN monthly_at timestamptz,
    ADD COLUMN changed_at timestamptz;
UPDATE mx.sync_state SET monthly_at = walked_at WHERE stream = 'payments';

CREATE INDEX sync_requests_open ON mx.sync_requests (merchant_id) WHERE status <> 'done';

CREATE FUNCTION mx.place_of(merchant bigint) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
    RETURN ((merchant % 2147483648) * 2654435761 % 4294967296) / 4294967296.0::double precision;
END $$;

CREATE FUNCTION mx.last_night(merchant bigint, timezone text, nights integer, at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, mx AS $$
DECLARE
    place double precision := mx.place_of(merchant);
    hour interval := make_interval(secs => 10800 + floor(10800 * place));
    night date;
BEGIN
    BEGIN
        night := ((at AT TIME ZONE timezone) - hour)::date;
    EXCEPTION WHEN invalid_parameter_value THEN
        timezone := 'UTC';
        night := ((at AT TIME ZONE timezone) - hour)::date;
    END;
    night := night - (night - date '2000-01-03' + floor(place * 1009)::integer) % nights;
    RETURN (night + hour) AT TIME ZONE timezone;
END $$;

REVOKE EXECUTE ON FUNCTION mx.place_of(bigint), mx.last_night(bigint, text, integer, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mx.place_of(bigint), mx.last_night(bigint, text, integer, timestamptz)
    TO mx_loader, mx_app, mx_dispatcher;
