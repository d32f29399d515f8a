//! A step in Lua, for Redis.

use smallvec::SmallVec;

/// A step in Lua. The text is the body of a function that receives the arguments as bytes. It returns the
/// step: a function that receives the state as bytes, and the time.
///
/// The step returns, in this order: whether the request fits, until when the new state matters, the new state
/// as bytes, and optionally until when the old state mattered. It returns nothing if its numbers are too
/// large for Lua, which has 53 bits. If it returns a result, that is the same decision as that of `step`.
#[derive(Debug)]
pub(crate) struct Lua(pub(crate) &'static str);

/// A step in Lua, with the arguments of one request.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Script {
    pub(crate) lua: &'static Lua,
    pub(crate) arguments: SmallVec<[u64; 8]>,
    /// Whether a denial by `step` remains valid for its whole wait, whatever other requests are charged
    /// meanwhile.
    pub(crate) denials_last: bool,
}

/// Arguments are below this number. The remaining bits of Lua's 53 are for sums and multiples.
pub(crate) const MOST: u64 = 1 << 50;

impl Script {
    /// Returns the script for a strategy in which a request may fit because of charges by other requests.
    pub(crate) fn passing(self) -> Self {
        Self { denials_last: false, ..self }
    }

    /// Creates a script. Returns `None` if an argument is too large.
    pub(crate) fn new<const N: usize>(lua: &'static Lua, arguments: [u64; N]) -> Option<Self> {
        Self::with(lua, SmallVec::from_slice(&arguments))
    }

    /// Creates a script with any number of arguments. Returns `None` if an argument is too large.
    pub(crate) fn with(lua: &'static Lua, arguments: SmallVec<[u64; 8]>) -> Option<Self> {
        let small = arguments.iter().all(|argument| *argument < MOST);
        small.then_some(Self { lua, arguments, denials_last: true })
    }
}
