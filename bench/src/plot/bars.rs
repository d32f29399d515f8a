//! Bar charts, in colours that are visible on light and dark pages.

use std::error::Error;
use std::path::Path;

use plotters::backend::SVGBackend;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::{Color as _, IntoDrawingArea as _, IntoFont as _};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{RGBColor, TextStyle};

/// This library.
pub(super) const BLUE: RGBColor = RGBColor(47, 129, 247);
/// The lower bound.
pub(super) const GREEN: RGBColor = RGBColor(63, 165, 80);
/// The peers.
pub(super) const ORANGE: RGBColor = RGBColor(210, 130, 34);
/// Text and lines.
pub(super) const GREY: RGBColor = RGBColor(125, 133, 144);

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) text: String,
    pub(super) colour: RGBColor,
}

/// Bars with a common scale.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
    /// The target of this library.
    pub(super) target: Option<f64>,
}

const WIDTH: i32 = 520;
const LABEL: i32 = 205;
/// The length of the longest bar. The space behind it is for its value.
const LONGEST: i32 = 200;
const ROW: i32 = 20;
const TITLE: i32 = 34;

/// Draws the panels in two columns. Panels without bars are omitted.
pub(super) fn draw(file: &Path, mut panels: Vec<Panel>) -> Result<(), Box<dyn Error>> {
    panels.retain(|panel| !panel.bars.is_empty());
    let height = |panel: &Panel| TITLE + ROW * i32::try_from(panel.bars.len()).unwrap_or_default();
    let rows: Vec<_> = panels.chunks(2).map(|row| row.iter().map(height).max().unwrap_or_default()).collect();
    let size = (u32::try_from(2 * WIDTH)?, u32::try_from(rows.iter().sum::<i32>() + 10)?);
    let area = SVGBackend::new(file, size).into_drawing_area();
    let mut top = 0;
    for (row, height) in panels.chunks(2).zip(rows) {
        for (panel, left) in row.iter().zip([0, WIDTH]) {
            panel.draw(&area.margin(0, 0, 0, 0), (left, top))?;
        }
        top += height;
    }
    area.present()?;
    Ok(())
}

type Area<'a> = plotters::drawing::DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

impl Panel {
    fn draw(&self, area: &Area<'_>, (left, top): (i32, i32)) -> Result<(), Box<dyn Error>> {
        let scale = f64::from(LONGEST) / self.longest();
        #[expect(clippy::cast_possible_truncation, reason = "no longer than the longest")]
        let length = |value: f64| (value * scale).min(f64::from(LONGEST)) as i32;
        area.draw(&Text::new(self.title.clone(), (left + 10, top + 18), words(18, HPos::Left)))?;
        let from = left + LABEL;
        let target = self.target.map(|target| from + length(target));
        let mut y = top + TITLE;
        for bar in &self.bars {
            let (end, middle) = (from + length(bar.value), y + ROW / 2 - 1);
            area.draw(&Text::new(bar.label.clone(), (from - 6, middle), words(15, HPos::Right)))?;
            area.draw(&Rectangle::new([(from, y + 2), (end, y + ROW - 3)], bar.colour.filled()))?;
            let cut = if bar.value > self.longest() { "… " } else { "" };
            // Move the text, so that the line of the target does not cross it.
            let beside = target.filter(|&target| (end..end + 70).contains(&target)).unwrap_or(end) + 6;
            area.draw(&Text::new(format!("{cut}{}", bar.text), (beside, middle), words(15, HPos::Left)))?;
            y += ROW;
        }
        if let Some(x) = target {
            area.draw(&PathElement::new([(x, top + TITLE - 2), (x, y)], GREY.stroke_width(1)))?;
        }
        Ok(())
    }

    /// Returns the value of the longest bar. A value of more than three times the second is cut.
    fn longest(&self) -> f64 {
        let mut values: Vec<_> = self.bars.iter().map(|bar| bar.value).chain(self.target).collect();
        values.sort_by(f64::total_cmp);
        match *values.as_slice() {
            [.., second, first] if first > 3.0 * second => second * 1.1,
            [.., first] => first,
            [] => 1.0,
        }
    }
}

/// Returns a text style with this size and horizontal alignment, centred vertically.
pub(super) fn words(size: i32, side: HPos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(&GREY).pos(Pos::new(side, VPos::Center))
}
