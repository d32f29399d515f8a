//! `plot`: charts and tables in `docs/`, from the stored records of the other commands.

mod bars;
mod flood;
mod page;
mod pictures;

use std::error::Error;
use std::fs;
use std::path::Path;

use crate::compile::Build;
use crate::failover::Stage;
use crate::footprint::{Flood, Growth, Honest};
use crate::hash::Fingerprint;
use crate::http::Requests;
use crate::instructions::Instructions;
use crate::memory::Decisions;
use crate::redis::Shared;
use crate::report::{Record, kept};

/// The stored records of all commands.
struct Kept {
    memory: Vec<Record<Decisions>>,
    hash: Vec<Record<Fingerprint>>,
    footprint: Vec<Record<Growth>>,
    flood: Vec<Record<Flood>>,
    honest: Vec<Record<Honest>>,
    http: Vec<Record<Requests>>,
    instructions: Vec<Record<Instructions>>,
    redis: Vec<Record<Shared>>,
    failover: Vec<Record<Stage>>,
    compile: Vec<Record<Build>>,
}

/// Writes `docs/benchmarks.md` and its charts.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let kept = Kept {
        memory: kept("memory")?,
        hash: kept("hash")?,
        footprint: kept("footprint")?,
        flood: kept("flood")?,
        honest: kept("honest")?,
        http: kept("http")?,
        instructions: kept("instructions")?,
        redis: kept("redis")?,
        failover: kept("failover")?,
        compile: kept("compile")?,
    };
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let folder = docs.join("benchmarks");
    fs::create_dir_all(&folder)?;
    pictures::draw_all(&folder, &kept)?;
    fs::write(docs.join("benchmarks.md"), page::write(&kept))?;
    println!("docs/benchmarks.md and its pictures in docs/benchmarks/ are written");
    Ok(())
}
