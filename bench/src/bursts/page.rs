//! The table of the guide, and the pictures in the form in which rustdoc shows them.

use std::fmt::Write as _;

use super::Measured;

/// The lines around the table.
const BEGIN: &str = "<!-- Written by `cargo run -p throttle-bench -- bursts`: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Replaces the table of the page, and the definitions of the links to its pictures.
pub(super) fn insert(page: &str, all: &[Measured]) -> Result<String, String> {
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| format!("the page has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("the page has no line {END}"))?;
    let mut text = "\n| strategy | settings | in one period | in 1/60 of a period | picture |\n".to_owned();
    text += "|---|---|---|---|---|\n";
    for measured in all {
        let (case, [units, at_a_moment], moments) =
            (&measured.case, measured.worst.units(), measured.moments());
        let settings = if case.settings.is_empty() { "default" } else { case.settings };
        let picture = if measured.is_first {
            format!("![a curve from 0 to {units} units: {moments}][{}]", label(measured))
        } else {
            "–".to_owned()
        };
        let moment = if at_a_moment == 1 { "1 unit".to_owned() } else { format!("{at_a_moment} units") };
        let row =
            format!("[`{}`] | {settings} | {units} units: {moments} | {moment} | {picture}", case.strategy);
        let _ = writeln!(text, "| {row} |");
    }
    text.push('\n');
    for measured in all.iter().filter(|measured| measured.is_first) {
        let _ = writeln!(text, "[{}]: ../../docs/strategies/{}.svg", label(measured), measured.case.name);
    }
    Ok([before, BEGIN, &text, "\n", END, after].concat())
}

/// Returns the definition of a link that contains the picture. rustdoc copies no files, so its pages cannot
/// show files of the repository.
pub(super) fn embed(measured: &Measured, picture: &str) -> String {
    let mut line = format!("[{}]: data:image/svg+xml,", label(measured));
    for byte in picture.trim_end().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'/' | b':' | b',' | b'=' => {
                line.push(byte.into());
            }
            _ => {
                let _ = write!(line, "%{byte:02X}");
            }
        }
    }
    line + "\n"
}

fn label(measured: &Measured) -> String {
    format!("burst-{}", measured.case.name)
}
