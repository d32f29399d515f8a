//! `bursts`: pictures and a table of the worst burst of each built-in strategy, in `docs/strategies/` and in the
//! guide.

#[path = "../../../tests/bursts/attack.rs"]
mod attack;
mod page;
mod picture;

use std::error::Error;
use std::fs;
use std::path::Path;

use attack::{Case, Worst};

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400 * SECOND;

/// A strategy, and its worst bursts.
struct Measured {
    case: Case,
    worst: Worst,
    /// Whether the strategy has no earlier case, so that this case has the picture.
    is_first: bool,
}

impl Measured {
    /// Returns the moments at which units are admitted, and how many. The first moment is 0.
    fn steps(&self) -> Vec<(u64, usize)> {
        let moments = self.worst.period.admissions.chunk_by(|one, next| one == next);
        moments.map(|units| (units[0] - self.worst.period.start, units.len())).collect()
    }

    /// Describes when the units are admitted: `10 at 0 s, 9 from 9 s to 57 s`.
    fn moments(&self) -> String {
        let steps = self.steps();
        // Single units are described together.
        let parts = steps.chunk_by(|(_, units), (_, next)| (*units, *next) == (1, 1)).map(|steps| {
            match (steps, self.unit()) {
                ([(at, units)], unit) => format!("{units} at {} {}", self.number(*at), unit),
                ([(first, _), .., (last, _)], unit) => {
                    format!("{} from {} to {} {unit}", steps.len(), self.number(*first), self.number(*last))
                }
                ([], _) => String::new(),
            }
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Returns a time in [units](Self::unit), rounded to tenths.
    fn number(&self, micros: u64) -> String {
        let tenths = micros.div_ceil(if self.is_long() { DAY / 10 } else { SECOND / 10 });
        if tenths % 10 == 0 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
    }

    /// Returns the unit of times: the second, or the day if the period is longer than a day.
    const fn unit(&self) -> &'static str {
        if self.is_long() { "days" } else { "s" }
    }

    const fn is_long(&self) -> bool {
        self.case.period > DAY
    }
}

/// Measures all strategies, and writes the pictures and the table.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut all: Vec<Measured> = Vec::new();
    for case in attack::cases() {
        let worst = runtime.block_on(Worst::of(&case))?;
        let is_first = all.iter().all(|earlier| earlier.case.name != case.name);
        all.push(Measured { case, worst, is_first });
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("docs/strategies");
    fs::create_dir_all(&folder)?;
    let mut embedded = String::new();
    for measured in all.iter().filter(|measured| measured.is_first) {
        let picture = picture::draw(measured);
        embedded += &page::embed(measured, &picture);
        fs::write(folder.join(format!("{}.svg", measured.case.name)), picture)?;
    }
    fs::write(folder.join("embedded.md"), embedded)?;
    let guide = root.join("src/guide/choosing_a_strategy.md");
    fs::write(&guide, page::insert(&fs::read_to_string(&guide)?, &all)?)?;
    println!(
        "the table of src/guide/choosing_a_strategy.md and the pictures in docs/strategies/ are written"
    );
    Ok(())
}
