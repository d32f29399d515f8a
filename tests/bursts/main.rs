//! Checks the worst bursts that the guide states, and their pictures. `cargo run -p throttle-bench -- bursts` writes
//! both again.

#[allow(dead_code, reason = "the pictures use the other fields")]
mod attack;

use std::fs;
use std::path::Path;
use std::time::Duration;

use attack::{Case, NEW_YEAR, Worst};
use throttle::backend::Memory;
use throttle::strategy::Calendar;
use throttle::{Clock, Hit, ManualClock, Settings, registry};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A row of a table that states the units in a period, and in 1/60 of it.
struct Row {
    strategy: String,
    settings: String,
    units: [usize; 2],
}

/// Returns the rows of the page that state units of a strategy.
fn rows() -> Vec<Row> {
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let strategy = line.split_once("[`")?.1.split_once("`]")?.0.to_owned();
        let units = cells.iter().filter_map(|cell| cell.split_once(" unit")?.0.parse().ok());
        let units = units.collect::<Vec<_>>().try_into().ok()?;
        let settings = if cells[1] == "default" { "" } else { cells[1] };
        Some(Row { strategy, settings: settings.to_owned(), units })
    };
    read("src/guide/choosing_a_strategy.md").lines().filter_map(row).collect()
}

/// Returns the units that the guide states for a case.
fn stated(case: &Case) -> [usize; 2] {
    let rows = rows();
    let row = rows.iter().find(|row| row.strategy == case.strategy && row.settings == case.settings);
    row.unwrap_or_else(|| panic!("no row for {} {}", case.strategy, case.settings)).units
}

/// Decodes `%20` and other encoded bytes.
fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn the_guide_states_the_worst_burst_of_every_strategy() {
    let mut measured = Vec::new();
    for case in attack::cases() {
        let units = Worst::of(&case).await.expect("decisions").units();
        assert_eq!(units, stated(&case), "{} {}", case.strategy, case.settings);
        measured.push((case.strategy, units));
    }
    let rows = rows();
    assert!(rows.len() > measured.len());
    for Row { strategy, units, .. } in rows {
        assert!(measured.contains(&(&strategy, units)), "{strategy}: {units:?}");
    }
}

#[test]
fn the_pictures_show_the_worst_bursts() {
    let embedded = read("docs/strategies/embedded.md");
    let mut pictured = Vec::new();
    for case in attack::cases() {
        if pictured.contains(&case.name) {
            continue;
        }
        pictured.push(case.name);
        let picture = read(&format!("docs/strategies/{}.svg", case.name));
        assert!(picture.contains(&format!(", {} units are admitted", stated(&case)[0])), "{picture}");
        let start = format!("[burst-{}]: data:image/svg+xml,", case.name);
        let uri = embedded.lines().find_map(|line| line.strip_prefix(&start)).expect("an embedded picture");
        assert_eq!(decode(uri), picture.trim_end());
    }
}

/// Sends at random moments of four periods, often at borders of windows and just before them. Returns the
/// moments of the admissions.
async fn random(case: &Case, seed: u64) -> Vec<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut now = case.around - 2 * case.period + random.u64(..case.period);
    let clock = ManualClock::at(now);
    let throttle = attack::throttle(case, &clock).await.expect("a throttle");
    let mut admissions = Vec::new();
    while now < case.around + 2 * case.period {
        let class = random.choice(case.classes).copied().unwrap_or_default();
        let cost = random.u64(1..4);
        let mut wait = None;
        for _ in 0..random.usize(1..20) {
            let decision =
                throttle.hit(Hit::new("client").class(class).cost(cost)).await.expect("a decision");
            wait = decision.retry_after();
            let units = if decision.is_allowed() { cost } else { 0 };
            admissions.extend((0..units).map(|_| now));
        }
        let border = case.period - now % case.period;
        let gap = match random.u8(..5) {
            0 => border,
            1 => border.saturating_sub(1),
            2 => wait.map_or(1, |wait| u64::try_from(wait.as_micros()).expect("a time")),
            3 => random.u64(..case.period / 10),
            _ => random.u64(..case.period),
        };
        clock.advance(Duration::from_micros(gap));
        now = clock.now();
    }
    admissions
}

#[tokio::test]
async fn no_random_client_exceeds_the_worst_burst() {
    for case in attack::cases() {
        let worst = stated(&case);
        for seed in 0..20 {
            let units = Worst::among(&random(&case, seed).await, &case).units();
            let is_within = units[0] <= worst[0] && units[1] <= worst[1];
            assert!(is_within, "{} {}, seed {seed}: {units:?}", case.strategy, case.settings);
        }
    }
}

#[tokio::test]
async fn a_day_of_23_hours_lets_three_windows_into_24_hours() {
    // Clocks are put forward on the 29th of March 2026, which begins at 23:00 UTC of the day before.
    let (second, day) = (1_000_000, 86_400_000_000);
    let clock = ManualClock::at(NEW_YEAR + 87 * day - 3_600 * second - 1);
    let memory = Memory::builder().clock(clock.clone()).build();
    let registry = registry().backend("memory", memory).build().await.expect("a registry");
    let berlin = Settings::new().rate("10/day").strategy(Calendar::in_zone("Europe/Berlin"));
    let throttle = registry.create("daily", berlin).expect("a throttle");
    let start = clock.now();
    let mut units = 0;
    while clock.now() < start + day {
        let decision = throttle.hit("client").await.expect("a decision");
        units += u32::from(decision.is_allowed());
        clock.advance(decision.retry_after().unwrap_or_default());
    }
    assert_eq!(units, 30);
}
