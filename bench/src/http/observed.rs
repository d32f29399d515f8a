//! One run of a load generator: connections and results. Alone because both load generators return it.

/// The number of open connections. Each has one request in flight at a time.
pub(super) const CONNECTIONS: usize = 32;

/// The results of one run against a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) requests: u64,
    /// Responses without a success status.
    pub(super) refused: u64,
    pub(super) per_second: f64,
    /// Microseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
}
