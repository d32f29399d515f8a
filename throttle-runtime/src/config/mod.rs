//! Configuration: settings as written, the policy that they resolve to, and the values or functions that settings are.

pub(crate) mod caller;
pub(crate) mod declaration;
pub mod effective;
pub mod key_source;
pub(crate) mod network;
pub mod outcome;
pub(crate) mod policy;
pub mod resolver;
pub mod rule;
pub(crate) mod settings;
