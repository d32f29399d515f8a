//! What a strategy remembers about one identity and one limit.

/// What a strategy remembers about one identity and one limit: until when it matters, a word, and a list for
/// strategies that need one. What the word and the list mean is the strategy's own.
///
/// States are ordered: by `until`, then the word, then the list. Strategies choose their words so that the
/// greater state has used more, since backends without room forget the least one.
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
    /// Nothing stored.
    pub const EMPTY: Self = Self::new(0, 0);

    /// A state that says no more than no state from `until` on, in microseconds since the Unix epoch.
    pub const fn new(until: u64, word: u64) -> Self {
        Self { until, word, list: None }
    }

    /// The same with a list. Backends keep lists apart, so a state without one is cheaper.
    #[must_use]
    pub fn with_list(self, list: Vec<u64>) -> Self {
        Self { list: (!list.is_empty()).then(|| list.into()), ..self }
    }

    /// From when on it says no more than no state, in microseconds since the Unix epoch.
    pub const fn until(&self) -> u64 {
        self.until
    }

    /// The word.
    pub const fn word(&self) -> u64 {
        self.word
    }

    /// The list, empty for most strategies.
    pub fn list(&self) -> &[u64] {
        self.list.as_deref().unwrap_or_default()
    }
}
