//! The logarithmic scale of a figure.

/// From ratios to places between 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// Ratios with a line and a name, ascending; the first and the last are the ends.
    pub(super) ticks: Vec<f64>,
}

impl Scale {
    /// A scale that has room for all of these, and for 1 with something on both sides.
    pub(super) fn of(ratios: impl Iterator<Item = f64>) -> Self {
        let (least, most) = ratios
            .fold((0.5_f64, 2.0_f64), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
        let fine = most / least <= 1000.0;
        let steps: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
        // Far behind what can be measured, so that a wrong figure makes no endless scale.
        let all: Vec<f64> = (-12..=12)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
            .collect();
        let first = all.iter().rposition(|tick| *tick <= least * 1.000_001).unwrap_or(0);
        let last = all.iter().position(|tick| *tick >= most * 0.999_999).unwrap_or(all.len() - 1);
        Self { ticks: all[first..=last].to_vec() }
    }

    /// Where a ratio is: 0 at the left end, 1 at the right one.
    pub(super) fn place(&self, ratio: f64) -> f64 {
        let [first, .., last] = self.ticks[..] else { return 0.5 };
        ((ratio / first).ln() / (last / first).ln()).clamp(0.0, 1.0)
    }
}
