//! A step in Lua, for Redis.

use smallvec::SmallVec;

/// A step in Lua: the body of a function of the arguments as bytes, which returns the step for them, a function of the
/// state as bytes and the time.
///
/// That returns whether the request fits, until when the new state matters, that state as bytes, and, if it pleases,
/// until when the old one mattered; or nothing, if its numbers are too large for Lua, which has 53 bits. As far as it
/// answers, it decides what `step` decides.
#[derive(Debug)]
pub(crate) struct Lua(pub(crate) &'static str);

/// A step in Lua, with the arguments of one request.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Script {
    pub(crate) lua: &'static Lua,
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
    pub(crate) fn new<const N: usize>(lua: &'static Lua, arguments: [u64; N]) -> Option<Self> {
        Self::with(lua, SmallVec::from_slice(&arguments))
    }

    /// The same for any number of arguments.
    pub(crate) fn with(lua: &'static Lua, arguments: SmallVec<[u64; 8]>) -> Option<Self> {
        let small = arguments.iter().all(|argument| *argument < MOST);
        small.then_some(Self { lua, arguments, denials_last: true })
    }
}
