//! A [`Store`] in PostgreSQL, through a connection pool that `initialize` builds and `close` closes.
//!
//! Each call runs one statement on one connection. A statement takes effect as a whole or not at all, so a
//! dropped call leaves no partial change, and its connection can be used again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{BuildError, Manager, Object, Pool, PoolError};
use throttle::ErrorKind;
use throttle::backend::{Increment, Store};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};

use super::statements as sql;

/// The errors of this store. An error becomes the source of the `BackendError` that `on_error` receives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PooledError {
    #[error("the pool is not open")]
    NotOpen,
    #[error("the pool cannot be built")]
    Build(#[from] BuildError),
    #[error("there is no connection")]
    Connect(#[from] PoolError),
    #[error("PostgreSQL does not do that")]
    Statement(#[from] tokio_postgres::Error),
}

pub(crate) struct Pooled {
    config: Config,
    size: usize,
    pool: Mutex<Option<Pool>>,
    writes: AtomicU32,
}

/// The number of writes between two sweeps. One sweep removes more rows than this number of writes adds.
const WRITES_PER_SWEEP: u32 = 128;

/// The time to live of values without an expiry: ten thousand years, in microseconds.
const FOR_GOOD: i64 = 10_000 * 365 * 24 * 3_600 * 1_000_000;

impl Pooled {
    /// A store on this server, with at most `size` connections. Connections are made when they are needed.
    pub(crate) const fn new(config: Config, size: usize) -> Self {
        Self { config, size, pool: Mutex::new(None), writes: AtomicU32::new(0) }
    }

    /// Returns a free connection, makes a new one, or waits for a connection to become free.
    async fn connection(&self) -> Result<Object, PooledError> {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(pool.ok_or(PooledError::NotOpen)?.get().await?)
    }

    fn replace(&self, pool: Option<Pool>) -> Option<Pool> {
        std::mem::replace(&mut *self.pool.lock().unwrap_or_else(PoisonError::into_inner), pool)
    }

    async fn ask(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, PooledError> {
        ask(&self.connection().await?, sql, values).await
    }

    /// Runs a statement that writes rows with an expiry. Every 128th call also sweeps expired rows.
    async fn write(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, PooledError> {
        let connection = self.connection().await?;
        let rows = ask(&connection, sql, values).await?;
        if self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(WRITES_PER_SWEEP) {
            // The result of the sweep does not matter: the write has succeeded.
            let _ = ask(&connection, sql::SWEEP, &[]).await;
        }
        Ok(rows)
    }
}

/// Runs a statement in one round trip, and one more if the statement is new to the connection.
async fn ask(
    connection: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, PooledError> {
    let statement = connection.prepare_cached(sql).await?;
    Ok(connection.query(&statement, values).await?)
}

/// Converts to whole microseconds, rounded up.
fn micros(ttl: Option<Duration>) -> i64 {
    let micros = ttl.and_then(|ttl| i64::try_from(ttl.as_nanos().div_ceil(1_000)).ok());
    micros.map_or(FOR_GOOD, |micros| micros.min(FOR_GOOD))
}

impl Store for Pooled {
    type Error = PooledError;

    /// `compare_and_set` is one statement with a condition, so decisions take no locks.
    const COMPARE_AND_SET: bool = true;

    /// `increment_within` is one statement as well, so a decision of a fixed window is one round trip.
    const INCREMENT_WITHIN: bool = true;

    fn kind(error: &PooledError) -> ErrorKind {
        match error {
            PooledError::NotOpen => ErrorKind::Closed,
            PooledError::Statement(error) if !error.is_closed() => ErrorKind::Store,
            _ => ErrorKind::Connection,
        }
    }

    async fn initialize(&self) -> Result<(), PooledError> {
        let pool = Pool::builder(Manager::new(self.config.clone(), NoTls)).max_size(self.size).build()?;
        pool.get().await?.batch_execute(sql::CREATE).await?;
        self.replace(Some(pool));
        Ok(())
    }

    async fn close(&self) -> Result<(), PooledError> {
        if let Some(pool) = self.replace(None) {
            // Connections in use are closed when they return to the pool.
            pool.close();
        }
        Ok(())
    }

    async fn reset(&self, prefix: &str) -> Result<(), PooledError> {
        self.ask(sql::RESET, &[&prefix.as_bytes()]).await.map(drop)
    }

    async fn get(&self, key: &str) -> Result<Option<String>, PooledError> {
        let rows = self.ask(sql::GET, &[&key.as_bytes()]).await?;
        rows.first().map_or(Ok(None), |row| Ok(row.try_get(0)?))
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), PooledError> {
        self.multi_set(&[(key, value)], ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), PooledError> {
        self.ask(sql::DELETE, &[&key.as_bytes()]).await.map(drop)
    }

    /// Runs one statement, whether the increment is accepted or not.
    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> Result<Increment, PooledError> {
        let ttl = micros(Some(ttl));
        let rows = self.write(sql::INCREMENT_WITHIN, &[&key.as_bytes(), &by, &limit, &ttl]).await?;
        let Some(row) = rows.first() else { return Ok(Increment::Exceeded(0)) };
        let number = row.try_get(0)?;
        Ok(if row.try_get(1)? { Increment::Added(number) } else { Increment::Exceeded(number) })
    }

    async fn multi_get(&self, keys: &[&str]) -> Result<Vec<Option<String>>, PooledError> {
        let keys: Vec<_> = keys.iter().map(|key| key.as_bytes()).collect();
        let rows = self.ask(sql::MULTI_GET, &[&keys]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn multi_set(&self, items: &[(&str, &str)], ttl: Option<Duration>) -> Result<(), PooledError> {
        // A key that occurs twice would be an error of the statement. Sorted keys prevent a deadlock of two
        // statements.
        let items: BTreeMap<_, _> = items.iter().map(|(key, value)| (key.as_bytes(), *value)).collect();
        let (keys, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        self.write(sql::MULTI_SET, &[&keys, &values, &micros(ttl)]).await.map(drop)
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, PooledError> {
        let (key, ttl) = (key.as_bytes(), micros(ttl));
        let stored = match expected {
            None => self.write(sql::SET_IF_MISSING, &[&key, &value, &ttl]).await?,
            Some(expected) => self.write(sql::SET_IF_UNCHANGED, &[&key, &value, &ttl, &expected]).await?,
        };
        Ok(!stored.is_empty())
    }

    /// Returns immediately. `get_lock` calls this function until the lock is free, and holds no connection
    /// between the calls.
    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, PooledError> {
        let rows = self.write(sql::TRY_LOCK, &[&key.as_bytes(), &micros(Some(ttl))]).await?;
        rows.first().map_or(Ok(None), |row| Ok(Some(row.try_get::<_, i64>(0)?.cast_unsigned())))
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, PooledError> {
        let freed = self.ask(sql::UNLOCK, &[&key.as_bytes(), &token.cast_signed()]).await?;
        Ok(!freed.is_empty())
    }
}
