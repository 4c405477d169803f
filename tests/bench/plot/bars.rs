//! Horizontal bars, in panels beside each other.

use super::scale::{Scale, label};
use super::svg::{Anchor, INK, PALE, Svg};

/// A named value with its spread.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) shown: String,
    /// The least and the most.
    pub(crate) spread: (f64, f64),
    pub(crate) color: &'static str,
}

/// Bars of one metric.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

const NAMES: f64 = 170.0;
const PANEL: f64 = 300.0;
/// For the value behind the longest bar.
const VALUE: f64 = 70.0;
const HEAD: f64 = 64.0;
const BAR: f64 = 28.0;
const FOOT: f64 = 34.0;

/// Panels with the same bars in each.
pub(crate) fn bars(title: &str, panels: &[Panel]) -> String {
    let count = panels
        .iter()
        .map(|panel| panel.bars.len())
        .max()
        .unwrap_or(0);
    let height = HEAD + count as f64 * BAR + FOOT;
    let mut svg = Svg::new(NAMES + panels.len() as f64 * (PANEL + VALUE), height);
    svg.text((16.0, 26.0), Anchor::Start, 16, title);
    for (index, panel) in panels.iter().enumerate() {
        let left = NAMES + index as f64 * (PANEL + VALUE);
        draw(&mut svg, panel, left, height - FOOT);
        if index == 0 {
            for (place, bar) in panel.bars.iter().enumerate() {
                let y = HEAD + place as f64 * BAR + BAR / 2.0 + 4.0;
                svg.text((left - 10.0, y), Anchor::End, 13, &bar.name);
            }
        }
    }
    svg.finish()
}

fn draw(svg: &mut Svg, panel: &Panel, left: f64, bottom: f64) {
    let most = panel
        .bars
        .iter()
        .map(|bar| bar.spread.1)
        .fold(0.0, f64::max);
    let scale = Scale::linear(most, (left, left + PANEL));
    svg.text((left, HEAD - 14.0), Anchor::Start, 13, &panel.title);
    for (index, tick) in scale.ticks().into_iter().enumerate() {
        let x = scale.place(tick);
        svg.line((x, HEAD - 4.0), (x, bottom), PALE);
        // Every other one, as numbers are wide.
        if index % 2 == 0 {
            svg.text((x, bottom + 16.0), Anchor::Middle, 11, &label(tick));
        }
    }
    for (place, bar) in panel.bars.iter().enumerate() {
        let top = HEAD + place as f64 * BAR + 4.0;
        let middle = top + (BAR - 8.0) / 2.0;
        let end = scale.place(bar.value);
        svg.rect((left, top), (end - left, BAR - 8.0), bar.color);
        let (least, most) = (scale.place(bar.spread.0), scale.place(bar.spread.1));
        svg.line((least, middle), (most, middle), INK);
        svg.text(
            (most.max(end) + 6.0, middle + 4.0),
            Anchor::Start,
            12,
            &bar.shown,
        );
    }
    svg.line((left, HEAD - 4.0), (left, bottom), INK);
}
