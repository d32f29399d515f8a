//! A chart of the memory during a flood.

use std::error::Error;
use std::iter::once;
use std::path::Path;

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::element::Text;
use plotters::prelude::{Color as _, IntoDrawingArea as _};
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;

use super::bars::{BLUE, GREEN, GREY, ORANGE, words};
use crate::footprint::Flood;
use crate::report::Record;

/// Draws a line for each limiter, with its name at the end.
pub(super) fn draw(file: &Path, floods: &[Record<Flood>]) -> Result<(), Box<dyn Error>> {
    let most = floods.iter().flat_map(|flood| &flood.more.megabytes).copied().fold(0.0, f64::max);
    let longest = floods.iter().map(|flood| flood.more.megabytes.len()).max().unwrap_or_default();
    let area = SVGBackend::new(file, (1_040, 320)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(10)
        .margin_right(230)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..longest as f64, 0.0..most * 1.05)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_y_mesh()
        .axis_style(GREY)
        .label_style(words(15, HPos::Left))
        .x_label_formatter(&|millions| millions.to_string())
        .y_label_formatter(&|megabytes| megabytes.to_string())
        .x_desc("million keys seen, of which ours keeps at most one")
        .y_desc("MB")
        .draw()?;
    let mut ends = Vec::new();
    for (Record { cell, subject, more, .. }, colour) in floods.iter().zip([BLUE, GREEN, ORANGE]) {
        let points: Vec<_> =
            (0_u32..).map(f64::from).zip(once(&0.0).chain(&more.megabytes).copied()).collect();
        let name =
            cell.split_once('/').map_or_else(|| subject.clone(), |(_, name)| format!("{subject}, {name}"));
        ends.extend(points.last().map(|end| (chart.backend_coord(end), name, colour)));
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    ends.sort_by_key(|((_, y), ..)| *y);
    let mut free = 0;
    for ((x, y), name, colour) in ends {
        // Names of lines that end close together are moved down.
        let y = y.max(free);
        free = y + 16;
        area.draw(&Text::new(name, (x + 8, y), words(15, HPos::Left).color(&colour)))?;
    }
    area.present()?;
    Ok(())
}
