//! A step in Lua, for Redis.

use smallvec::SmallVec;

/// A step in Lua, with the arguments of one request.
///
/// The source is the body of a function of the state as bytes, the time, and the arguments as bytes. It returns
/// whether the request fits, until when the new state matters, and that state as bytes; or nothing, if its numbers
/// are too large for Lua, which has 53 bits. As far as it answers, it decides what `step` decides.
///
/// It also promises that `step` denies a request as long as it does by any state that was stored before: what
/// others do meanwhile lets nobody pass earlier.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Script {
    /// No other source has this name.
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    pub(crate) arguments: SmallVec<[u64; 8]>,
}

/// Arguments are below that.
pub(crate) const MOST: u64 = 1 << 50;

impl Script {
    /// `None` if an argument is too large. What is left is for sums and multiples.
    pub(crate) fn new<const N: usize>(
        name: &'static str,
        source: &'static str,
        arguments: [u64; N],
    ) -> Option<Self> {
        let arguments = SmallVec::from_slice(&arguments);
        arguments.iter().all(|argument| *argument < MOST).then_some(Self { name, source, arguments })
    }
}
