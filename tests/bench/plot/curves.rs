//! Curves against a number.

use super::scale::{Scale, label};
use super::svg::{Anchor, INK, PALE, Svg};

/// Points of one subject, from left to right.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) color: &'static str,
}

const SIZE: (f64, f64) = (720.0, 400.0);
const LEFT: f64 = 70.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 340.0;

/// All curves in one plot, with a legend at the right.
pub(crate) fn curves(title: &str, across: &str, up: &str, curves: &[Curve]) -> String {
    let all = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let mut places: Vec<f64> = all().map(|(x, _)| x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let horizontal = Scale::spanning(&places, (LEFT, RIGHT));
    let heights: Vec<f64> = all().map(|(_, y)| y).collect();
    let vertical = Scale::rising(&heights, (BOTTOM, TOP));

    let mut svg = Svg::new(SIZE.0, SIZE.1);
    svg.text((16.0, 26.0), Anchor::Start, 16, title);
    svg.text((16.0, TOP - 14.0), Anchor::Start, 13, up);
    svg.text(
        (f64::midpoint(LEFT, RIGHT), SIZE.1 - 16.0),
        Anchor::Middle,
        13,
        across,
    );
    for tick in vertical.ticks() {
        let y = vertical.place(tick);
        svg.line((LEFT, y), (RIGHT, y), PALE);
        svg.text((LEFT - 8.0, y + 4.0), Anchor::End, 11, &label(tick));
    }
    for place in places {
        let x = horizontal.place(place);
        svg.line((x, BOTTOM), (x, BOTTOM + 5.0), INK);
        svg.text((x, BOTTOM + 20.0), Anchor::Middle, 11, &label(place));
    }
    svg.line((LEFT, BOTTOM), (RIGHT, BOTTOM), INK);
    svg.line((LEFT, TOP), (LEFT, BOTTOM), INK);
    for (index, curve) in curves.iter().enumerate() {
        let points = curve.points.iter();
        let points: Vec<_> = points
            .map(|(x, y)| (horizontal.place(*x), vertical.place(*y)))
            .collect();
        svg.curve(&points, curve.color);
        let y = TOP + 10.0 + index as f64 * 24.0;
        svg.curve(&[(RIGHT + 24.0, y), (RIGHT + 44.0, y)], curve.color);
        svg.text((RIGHT + 54.0, y + 4.0), Anchor::Start, 13, &curve.name);
    }
    svg.finish()
}
