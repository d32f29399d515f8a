//! The picture of a burst: the admitted units over one period, in colours that are visible on light and dark pages.
//!
//! All pictures have the same scale.

use std::fmt::Write as _;

use super::Measured;

const WIDTH: u64 = 360;
const HEIGHT: u64 = 120;
/// The edges of the area of the curve.
const LEFT: u64 = 30;
const RIGHT: u64 = 312;
const TOP: u64 = 14;
const BOTTOM: u64 = 98;
/// The units at the upper edge.
const MOST: u64 = 40;
/// The limit of all cases.
const LIMIT: u64 = 10;

const BLUE: &str = "#2F81F7";
const GREY: &str = "#7D8590";

/// Draws a step curve, the limit, and the borders of windows.
pub(super) fn draw(measured: &Measured) -> String {
    let (case, units) = (&measured.case, measured.worst.period.units() as u64);
    let period = if measured.is_long() { "30 days" } else { "a minute" };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} \
         {HEIGHT}\" role=\"img\" font-family=\"sans-serif\" font-size=\"11\" fill=\"{GREY}\">\n\
         <title>{}: the worst burst of one client</title>\n\
         <desc>With a limit of {LIMIT} units in {period}, {units} units are admitted within one period: {}.</desc>\n",
        case.strategy,
        measured.moments(),
    );
    axes(&mut svg, measured);
    for at in case.borders.iter().filter_map(|border| border.checked_sub(measured.worst.period.start)) {
        if at < case.period {
            border(&mut svg, x(at, case.period));
        }
    }
    curve(&mut svg, measured);
    let (after, middle) = (RIGHT + 6, y(units) + 4);
    let _ = writeln!(
        svg,
        "<text x=\"{after}\" y=\"{middle}\" fill=\"{BLUE}\" font-size=\"15\" font-weight=\"bold\">{units}</text>"
    );
    svg + "</svg>\n"
}

/// Draws the axes, their numbers, and the limit.
fn axes(svg: &mut String, measured: &Measured) {
    let period = measured.case.period;
    let _ = writeln!(svg, "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"{GREY}\"/>");
    for units in [0, LIMIT, 2 * LIMIT, 3 * LIMIT, MOST] {
        let (end, middle) = (LEFT - 5, y(units) + 4);
        let _ = writeln!(svg, "<text x=\"{end}\" y=\"{middle}\" text-anchor=\"end\">{units}</text>");
    }
    for at in [0, period / 2, period] {
        let (x, below, text) = (x(at, period), BOTTOM + 15, measured.number(at));
        let unit = if at == period { format!(" {}", measured.unit()) } else { String::new() };
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{below}\" text-anchor=\"middle\">{text}{unit}</text>");
    }
    let (line, after, middle) = (y(LIMIT), RIGHT + 6, y(LIMIT) + 4);
    let _ = writeln!(svg, "<path d=\"M{LEFT} {line}H{RIGHT}\" stroke=\"{GREY}\" stroke-dasharray=\"4 3\"/>");
    // The number of units is in the same place if it is the limit.
    if measured.worst.period.units() as u64 >= 2 * LIMIT - 2 {
        let _ = writeln!(svg, "<text x=\"{after}\" y=\"{middle}\">limit</text>");
    }
}

/// Draws the beginning of a window.
fn border(svg: &mut String, x: u64) {
    let (anchor, text) = if x > WIDTH / 2 { ("end", x - 4) } else { ("start", x + 4) };
    let _ = writeln!(
        svg,
        "<path d=\"M{x} {TOP}V{BOTTOM}\" stroke=\"{GREY}\" stroke-dasharray=\"1 3\"/>\n\
         <text x=\"{text}\" y=\"{TOP}\" text-anchor=\"{anchor}\">new window</text>"
    );
}

/// Draws the admitted units, with the area below them.
fn curve(svg: &mut String, measured: &Measured) {
    let mut path = String::new();
    let mut admitted = 0;
    for (at, units) in measured.steps() {
        admitted += units as u64;
        let _ = write!(path, "H{}V{}", x(at, measured.case.period), y(admitted));
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {BOTTOM}{path}H{RIGHT}V{BOTTOM}z\" fill=\"{BLUE}\" fill-opacity=\".15\"/>\n\
         <path d=\"M{LEFT} {BOTTOM}{path}H{RIGHT}\" fill=\"none\" stroke=\"{BLUE}\" stroke-width=\"2\"/>"
    );
}

/// Returns the place of a time since the first unit.
const fn x(at: u64, period: u64) -> u64 {
    LEFT + at * (RIGHT - LEFT) / period
}

/// Returns the place of a number of units.
const fn y(units: u64) -> u64 {
    BOTTOM - units * (BOTTOM - TOP) / MOST
}
