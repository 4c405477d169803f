//! Plots as SVG: bars beside each other, and curves.

mod bars;
mod curves;
mod scale;
mod svg;

pub(crate) use bars::{Bar, Panel, bars};
pub(crate) use curves::{Curve, curves};
