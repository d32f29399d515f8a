//! The measured limiters, each with a connection of its own.

mod commands;
mod throttle;
mod trypema;

use std::sync::Arc;

use tokio::runtime::Runtime;

pub(crate) use self::commands::forget;
use super::cell::{Cell, Traffic};
use super::decide::{Decide, Failure};
use super::load::{self, Load, Seen};
use super::server::Servers;
use crate::memory::Algorithm;
use crate::report::OURS;

/// A [`Decide`], with a load generator that is compiled for it.
pub(super) struct Subject {
    pub(super) name: &'static str,
    run: Box<Callers>,
}

/// Runs all callers of a load.
type Callers = dyn Fn(&Runtime, Load) -> Result<Seen, Failure>;

impl Subject {
    fn new(name: &'static str, decide: impl Decide) -> Self {
        let decide = Arc::new(decide);
        Self { name, run: Box::new(move |runtime, load| runtime.block_on(load::run(decide.clone(), load))) }
    }

    pub(super) fn run(&self, runtime: &Runtime, load: Load) -> Result<Seen, Failure> {
        (self.run)(runtime, load)
    }
}

/// The name of the cheapest command of Redis. It makes no decision.
pub(crate) const INCR: &str = "incr";
/// This library without its local cache of denials.
pub(crate) const PLAIN: &str = "throttle-plain";

/// Returns the name of the minimal script, called once per decision.
pub(crate) const fn script(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::FixedWindow => "script-fixed-window",
        Algorithm::Gcra => "script-gcra",
    }
}

/// The names of the peers. The first two may not be installed.
pub(super) const CELL: &str = "redis-cell";
pub(super) const CRAB: &str = "throttlecrab-server";
pub(super) const TRYPEMA: &str = "trypema";

/// Returns the names of all subjects of a cell.
pub(crate) fn names(cell: Cell) -> Vec<&'static str> {
    let script = script(cell.algorithm);
    match cell.traffic {
        Traffic::Many | Traffic::Hot => vec![OURS, INCR, script, CELL, CRAB, TRYPEMA],
        Traffic::Denied => vec![OURS, PLAIN, INCR, script],
    }
}

/// Makes the subject with this name. Returns `None` if it is not installed.
pub(super) async fn make(
    name: &'static str,
    cell: Cell,
    servers: &Servers,
) -> Result<Option<Subject>, Failure> {
    let limit = cell.limit();
    // Each subject has a database of its own, because they use the same keys.
    let database = |number: u8| format!("{}/{number}", servers.redis.url());
    let subject = match name {
        OURS => Subject::new(name, throttle::make(&database(0), cell, true).await?),
        PLAIN => Subject::new(name, throttle::make(&database(1), cell, false).await?),
        INCR => Subject::new(name, commands::incr(&database(2)).await?),
        CELL if servers.has_cell => Subject::new(name, commands::cell(&database(3), limit).await?),
        CRAB => match &servers.throttlecrab {
            Some(server) => Subject::new(name, commands::throttlecrab(&server.url(), limit).await?),
            None => return Ok(None),
        },
        TRYPEMA => Subject::new(name, trypema::make(&database(4)).await?),
        _ if name == script(cell.algorithm) => {
            Subject::new(name, commands::script(&database(5), cell.algorithm, limit).await?)
        }
        _ => return Ok(None),
    };
    Ok(Some(subject))
}
