//! A step in Lua, for Redis.

use smallvec::SmallVec;

/// A step in Lua, with the arguments of one request.
///
/// The source is the body of a function of the state as bytes, the time, and the arguments as bytes. It returns
/// whether the request fits, until when the new state matters, and that state as bytes; or nothing, if its numbers
/// are too large for Lua, which has 53 bits. As far as it answers, it decides what `step` decides.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Script {
    /// No other source has this name.
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    pub(crate) arguments: SmallVec<[u64; 8]>,
    /// Whether `step` denies a request as long as it does by any state that was stored before, so that nothing
    /// that others take lets it pass earlier.
    pub(crate) denials_last: bool,
}

/// Arguments are below that.
pub(crate) const MOST: u64 = 1 << 50;

impl Script {
    /// The same for a strategy by which a request may fit because of what others took.
    pub(crate) fn passing(self) -> Self {
        Self { denials_last: false, ..self }
    }

    /// `None` if an argument is too large. What is left is for sums and multiples.
    pub(crate) fn new<const N: usize>(
        name: &'static str,
        source: &'static str,
        arguments: [u64; N],
    ) -> Option<Self> {
        Self::with(name, source, SmallVec::from_slice(&arguments))
    }

    /// The same for any number of arguments.
    pub(crate) fn with(
        name: &'static str,
        source: &'static str,
        arguments: SmallVec<[u64; 8]>,
    ) -> Option<Self> {
        arguments.iter().all(|argument| *argument < MOST).then_some(Self {
            name,
            source,
            arguments,
            denials_last: true,
        })
    }
}
