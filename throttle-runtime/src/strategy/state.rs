//! The state that a strategy stores for one identity and one limit.

/// The state that a strategy stores for one identity and one limit: the time until which it matters, a word,
/// and a list for strategies that need one. Each strategy defines the meaning of its word and list.
///
/// States are ordered by `until`, then by the word, then by the list. Strategies choose their words so that
/// the greater state has used more, because backends without space evict the least state.
///
/// ```
/// use throttle::strategy::State;
///
/// let state = State::new(1_000_000, 7);
/// assert_eq!((state.until(), state.word(), state.list()), (1_000_000, 7, &[][..]));
/// assert!(State::EMPTY < state && state < State::new(1_000_000, 8));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    until: u64,
    word: u64,
    list: Option<Box<[u64]>>,
}

impl State {
    /// The empty state: nothing is stored.
    pub const EMPTY: Self = Self::new(0, 0);

    /// Creates a state that is equivalent to the empty state from `until` on, in microseconds since the Unix
    /// epoch.
    pub const fn new(until: u64, word: u64) -> Self {
        Self { until, word, list: None }
    }

    /// Returns the same state with a list. Backends store lists separately, so a state without a list is
    /// cheaper.
    ///
    /// ```
    /// use throttle::strategy::State;
    ///
    /// let state = State::new(1_000_000, 0).with_list(vec![250_000, 3]);
    /// assert_eq!(state.list(), [250_000, 3]);
    /// ```
    #[must_use]
    pub fn with_list(self, list: Vec<u64>) -> Self {
        Self { list: (!list.is_empty()).then(|| list.into()), ..self }
    }

    /// Returns the time from which on the state is equivalent to the empty state, in microseconds since the
    /// Unix epoch.
    pub const fn until(&self) -> u64 {
        self.until
    }

    /// Returns the word.
    pub const fn word(&self) -> u64 {
        self.word
    }

    /// Returns the list. It is empty for most strategies.
    pub fn list(&self) -> &[u64] {
        self.list.as_deref().unwrap_or_default()
    }
}
