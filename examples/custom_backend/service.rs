//! The client of a key-value service as a [`Store`]. It has its own errors, a connection that can be closed,
//! and methods that do several things in one round trip.
//!
//! The service is a task of this process, and a message to it is a round trip. The service runs each message
//! atomically.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use throttle::ErrorKind;
use throttle::backend::{Increment, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// The errors of this store. An error becomes the source of the `BackendError` that `on_error` receives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("the client is not connected")]
    NotConnected,
    #[error("the service has gone away")]
    Gone,
}

#[derive(Debug, Default)]
pub(crate) struct Service {
    connection: Mutex<Option<mpsc::Sender<Work>>>,
}

/// An operation that the service runs.
type Work = Box<dyn FnOnce(&mut Table) + Send>;

/// Values, each with the time of its expiry, if there is one.
#[derive(Debug, Default)]
struct Table {
    rows: HashMap<String, (String, Option<Instant>)>,
    tokens: u64,
}

impl Table {
    fn get(&mut self, key: &str) -> Option<&mut (String, Option<Instant>)> {
        let now = Instant::now();
        self.rows.get_mut(key).filter(|(_, until)| until.is_none_or(|until| until > now))
    }

    fn set(&mut self, key: String, value: String, ttl: Option<Duration>) {
        self.rows.insert(key, (value, ttl.and_then(|ttl| Instant::now().checked_add(ttl))));
    }

    /// Adds to a counter, up to a limit. A new counter gets this time to live.
    fn add(&mut self, key: String, by: i64, limit: i64, ttl: Duration) -> Increment {
        let found = self.get(&key);
        let number = found.as_ref().and_then(|(value, _)| value.parse().ok()).unwrap_or(0_i64);
        let sum = number.saturating_add(by);
        if sum > limit {
            return Increment::Exceeded(number);
        }
        match found {
            Some((value, _)) => *value = sum.to_string(),
            None => self.set(key, sum.to_string(), Some(ttl)),
        }
        Increment::Added(sum)
    }
}

impl Service {
    /// Runs an operation in the service: one round trip.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Table) -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connection = connection.ok_or(ServiceError::NotConnected)?;
        let (reply, answer) = oneshot::channel();
        // Sending fails if the caller has been dropped. Then the reply is not needed.
        let work: Work = Box::new(move |table| drop(reply.send(work(table))));
        connection.send(work).await.map_err(|_| ServiceError::Gone)?;
        answer.await.map_err(|_| ServiceError::Gone)
    }

    fn connect(&self, connection: Option<mpsc::Sender<Work>>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

impl Store for Service {
    type Error = ServiceError;

    /// A decision of a fixed window is one round trip.
    const INCREMENT_WITHIN: bool = true;

    fn kind(_: &ServiceError) -> ErrorKind {
        ErrorKind::Connection
    }

    async fn initialize(&self) -> Result<(), ServiceError> {
        let (connection, mut works) = mpsc::channel::<Work>(64);
        tokio::spawn(async move {
            let mut table = Table::default();
            while let Some(work) = works.recv().await {
                work(&mut table);
            }
        });
        self.connect(Some(connection));
        Ok(())
    }

    async fn ready(&self) -> Result<bool, ServiceError> {
        Ok(self.connection.lock().unwrap_or_else(PoisonError::into_inner).is_some())
    }

    async fn close(&self) -> Result<(), ServiceError> {
        self.connect(None);
        Ok(())
    }

    async fn reset(&self, prefix: &str) -> Result<(), ServiceError> {
        let prefix = prefix.to_owned();
        self.ask(move |table| table.rows.retain(|key, _| !key.starts_with(&prefix))).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, ServiceError> {
        let key = key.to_owned();
        self.ask(move |table| table.get(&key).map(|(value, _)| value.clone())).await
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), ServiceError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.ask(move |table| table.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<(), ServiceError> {
        let key = key.to_owned();
        self.ask(move |table| drop(table.rows.remove(&key))).await
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, ServiceError> {
        let key = key.to_owned();
        self.ask(move |table| {
            if table.get(&key).is_some() {
                return None;
            }
            table.tokens += 1;
            table.set(key, table.tokens.to_string(), Some(ttl));
            Some(table.tokens)
        })
        .await
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, ServiceError> {
        let (key, token) = (key.to_owned(), token.to_string());
        self.ask(move |table| {
            let is_held = table.get(&key).is_some_and(|(holder, _)| *holder == token);
            is_held && table.rows.remove(&key).is_some()
        })
        .await
    }

    // The methods below override defaults that take several round trips.

    /// The service checks the limit and adds in one atomic step.
    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> Result<Increment, ServiceError> {
        let key = key.to_owned();
        self.ask(move |table| table.add(key, by, limit, ttl)).await
    }

    async fn multi_get(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ServiceError> {
        let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        self.ask(move |table| keys.iter().map(|key| table.get(key).map(|(value, _)| value.clone())).collect())
            .await
    }

    async fn multi_set(&self, items: &[(&str, &str)], ttl: Option<Duration>) -> Result<(), ServiceError> {
        let items: Vec<(String, String)> =
            items.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        self.ask(move |table| {
            for (key, value) in items {
                table.set(key, value, ttl);
            }
        })
        .await
    }
}
