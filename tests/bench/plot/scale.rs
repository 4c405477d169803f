//! From values to places on an axis.

use crate::metric::thousands;

/// An axis: linear from 0, or logarithmic where values differ too much.
pub(super) struct Scale {
    from: f64,
    to: f64,
    logarithmic: bool,
    /// Where its two ends are drawn.
    ends: (f64, f64),
}

/// Values that differ more are shown logarithmically.
const WIDE: f64 = 30.0;

impl Scale {
    /// Linear, from 0 to a round number beyond the greatest value.
    pub(super) fn linear(greatest: f64, ends: (f64, f64)) -> Self {
        let step = step(greatest);
        Self {
            from: 0.0,
            to: (greatest / step).ceil().max(1.0) * step,
            logarithmic: false,
            ends,
        }
    }

    /// From the least to the greatest of `values`.
    pub(super) fn spanning(values: &[f64], ends: (f64, f64)) -> Self {
        let least = values.iter().copied().reduce(f64::min).unwrap_or(0.0);
        let greatest = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
        if least <= 0.0 || greatest / least < WIDE {
            return Self::linear(greatest, ends);
        }
        Self {
            from: least,
            to: greatest,
            logarithmic: true,
            ends,
        }
    }

    /// Linear from 0, or between powers of ten.
    pub(super) fn rising(values: &[f64], ends: (f64, f64)) -> Self {
        let mut scale = Self::spanning(values, ends);
        if scale.logarithmic {
            scale.from = 10_f64.powf(scale.from.log10().floor());
            scale.to = 10_f64.powf(scale.to.log10().ceil());
        }
        scale
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.ends.0 + share * (self.ends.1 - self.ends.0)
    }

    /// Round values along the axis.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let powers = std::iter::successors(Some(self.from), |last| Some(last * 10.0));
            return powers.take_while(|tick| *tick <= self.to * 1.001).collect();
        }
        let step = step(self.to);
        let mut ticks = vec![0.0];
        while ticks
            .last()
            .is_some_and(|last| last + step <= self.to * 1.001)
        {
            ticks.push(ticks.len() as f64 * step);
        }
        ticks
    }
}

/// A round distance of which four to eight make `greatest`.
fn step(greatest: f64) -> f64 {
    let rough = (greatest / 5.0).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let mut factors = [1.0, 2.0, 5.0].into_iter();
    let factor = factors.rfind(|factor| factor * power <= rough * 1.0001);
    factor.unwrap_or(1.0) * power
}

/// A value beside a tick.
pub(super) fn label(value: f64) -> String {
    if value >= 1.0 && value.fract().abs() < 1e-9 {
        return thousands(value);
    }
    let label = format!("{value:.2}");
    label.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Scale, label};

    #[test]
    fn a_linear_axis_has_round_ticks_up_to_its_end() {
        let scale = Scale::linear(17.3, (0.0, 100.0));
        let ticks: Vec<_> = scale.ticks().into_iter().map(label).collect();
        assert_eq!(
            ticks,
            ["0", "2", "4", "6", "8", "10", "12", "14", "16", "18"]
        );
        assert!((scale.place(9.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_wide_axis_is_logarithmic() {
        let scale = Scale::rising(&[300.0, 1_000.0, 9_900.0], (0.0, 100.0));
        assert!((scale.place(1_000.0) - 50.0).abs() < 1e-9);
        let ticks: Vec<_> = scale.ticks().into_iter().map(label).collect();
        assert_eq!(ticks, ["100", "1,000", "10,000"]);
    }
}
