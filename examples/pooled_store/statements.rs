//! What PostgreSQL is asked to do: each call of the store is one of these statements.
//!
//! Times are those of the server, to the microsecond: `clock_timestamp()` goes on within a statement that had to wait for
//! another one, which `now()` does not. What has expired counts as missing until it is removed.

/// Everything that is kept, once and not by two processes at a time.
///
/// The table is `UNLOGGED`: counts are written much and matter little after a crash. Tokens of locks must never come
/// back, and a sequence is kept also then.
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

/// A value for each key in its place, also for those that are missing or asked for twice.
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

/// Returns the sum and `true`, or the present number and `false`. A text that is no number, or has expired, counts as 0.
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

/// Answers with a row if it was stored, as the next one does.
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

/// Who has the next turn draws the next token: a token that was drawn before waiting could be less than that of
/// a holder who came and went meanwhile.
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

/// The byte 255 is in no text, so what comes before it is what begins with the prefix. Locks stay.
pub(crate) const RESET: &str = r"
    DELETE FROM throttle WHERE key >= $1::bytea AND key < $1::bytea || '\xff'::bytea AND token IS NULL";

/// Some of what has expired. Rows that others are about to change are left to them: nobody waits for this.
pub(crate) const SWEEP: &str = "
    DELETE FROM throttle WHERE key IN (
        SELECT key FROM throttle WHERE until <= (SELECT clock_timestamp())
        LIMIT 512 FOR UPDATE SKIP LOCKED)";
