//! The SQL statements of the store. Each call of the store runs one of them.
//!
//! All times are times of the database server, to the microsecond. The statements use `clock_timestamp()`,
//! because `now()` does not advance within a statement that waits for another one. Rows that have expired
//! count as missing until they are removed.

/// Creates the table, its index and the sequence, if they are missing. The advisory lock prevents two
/// processes from doing so concurrently.
///
/// The table is `UNLOGGED`: counters are written often, and losing them in a crash is acceptable. Tokens of
/// locks must never repeat, and the sequence survives a crash.
pub(crate) const CREATE: &str = "
    SELECT pg_advisory_xact_lock(hashtext('throttle'));
    CREATE UNLOGGED TABLE IF NOT EXISTS throttle (
        key bytea PRIMARY KEY,
        value text,
        token bigint,
        until timestamptz NOT NULL
    );
    CREATE INDEX IF NOT EXISTS throttle_until ON throttle (until);
    CREATE SEQUENCE IF NOT EXISTS throttle_tokens";

pub(crate) const GET: &str = "
    SELECT value FROM throttle WHERE key = $1 AND until > clock_timestamp()";

/// Returns one row per key, in the order of the keys, also for missing and repeated keys.
pub(crate) const MULTI_GET: &str = "
    SELECT value
    FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (key, place)
    LEFT JOIN throttle ON throttle.key = asked.key AND until > clock_timestamp()
    ORDER BY place";

pub(crate) const MULTI_SET: &str = "
    INSERT INTO throttle (key, value, until)
    SELECT key, value, clock_timestamp() + $3::bigint * interval '1 microsecond'
    FROM unnest($1::bytea[], $2::text[]) AS item (key, value)
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, until = EXCLUDED.until";

pub(crate) const DELETE: &str = "
    DELETE FROM throttle WHERE key = $1";

/// Returns the sum and `true`, or the present number and `false`. A value that is not a number, or has
/// expired, counts as 0.
pub(crate) const INCREMENT_WITHIN: &str = "
    WITH done AS (
        INSERT INTO throttle AS old (key, value, until)
        SELECT $1, $2::bigint::text, clock_timestamp() + $4::bigint * interval '1 microsecond'
        WHERE $2::bigint <= $3::bigint
        ON CONFLICT (key) DO UPDATE SET (value, until) = (
            SELECT CASE WHEN is_live THEN (number + $2::bigint)::text ELSE EXCLUDED.value END,
                   CASE WHEN is_live THEN old.until ELSE EXCLUDED.until END
            FROM (SELECT old.until > clock_timestamp(),
                         CASE WHEN old.value ~ '^-?([0-9]{1,18}|[1-8][0-9]{18})$'
                              THEN old.value::bigint ELSE 0 END) AS found (is_live, number))
        WHERE CASE WHEN old.until > clock_timestamp()
                        AND old.value ~ '^-?([0-9]{1,18}|[1-8][0-9]{18})$'
                   THEN old.value::numeric ELSE 0 END + $2::bigint <= $3::bigint
        RETURNING value::bigint)
    SELECT value, true FROM done
    UNION ALL
    SELECT coalesce((
        SELECT value::bigint FROM throttle
        WHERE key = $1 AND until > clock_timestamp() AND value ~ '^-?([0-9]{1,18}|[1-8][0-9]{18})$'), 0), false
    WHERE NOT EXISTS (SELECT FROM done)";

/// Returns a row if the value was stored. So does `SET_IF_UNCHANGED`.
pub(crate) const SET_IF_MISSING: &str = "
    INSERT INTO throttle AS old (key, value, until)
    VALUES ($1, $2, clock_timestamp() + $3::bigint * interval '1 microsecond')
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, until = EXCLUDED.until
    WHERE old.until <= clock_timestamp()
    RETURNING true";

pub(crate) const SET_IF_UNCHANGED: &str = "
    UPDATE throttle SET value = $2, until = clock_timestamp() + $3::bigint * interval '1 microsecond'
    WHERE key = $1 AND value = $4 AND until > clock_timestamp()
    RETURNING true";

/// Draws the token after the advisory lock was taken. A token drawn before the wait could be less than the
/// token of a holder that took and released the lock meanwhile.
pub(crate) const TRY_LOCK: &str = "
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 0)))
    INSERT INTO throttle AS old (key, token, until)
    SELECT $1::bytea, nextval('throttle_tokens'), clock_timestamp() + $2::bigint * interval '1 microsecond'
    FROM turn
    ON CONFLICT (key) DO UPDATE SET token = EXCLUDED.token, until = EXCLUDED.until
    WHERE old.until <= clock_timestamp()
    RETURNING token";

pub(crate) const UNLOCK: &str = "
    DELETE FROM throttle WHERE key = $1 AND token = $2 AND until > clock_timestamp()
    RETURNING true";

/// Deletes all keys with the prefix, except locks. No key contains the byte 255, so it is an upper bound for
/// them.
pub(crate) const RESET: &str = r"
    DELETE FROM throttle WHERE key >= $1::bytea AND key < $1::bytea || '\xff'::bytea AND token IS NULL";

/// Deletes some of the expired rows. `SKIP LOCKED` skips rows that other statements are changing, so no
/// statement waits for the sweep.
pub(crate) const SWEEP: &str = "
    DELETE FROM throttle WHERE key IN (
        SELECT key FROM throttle WHERE until <= (SELECT clock_timestamp())
        LIMIT 512 FOR UPDATE SKIP LOCKED)";
