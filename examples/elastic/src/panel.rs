//! What is shown: three values of each step, one below the other, in the terminal as in the SVG.

use crate::run::Step;

pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) value: fn(&Step) -> Option<f64>,
    /// Values up to about this one stand in proportion, greater ones by their order of magnitude; None: all in proportion.
    logarithmic_from: Option<f64>,
    /// Where lines across are drawn, as far as the picture reaches.
    ticks: &'static [f64],
}

pub(crate) const PANELS: [Panel; 3] = [
    Panel {
        title: "jobs in queue",
        value: |step| Some(step.queued as f64),
        logarithmic_from: Some(1.0),
        ticks: &[0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0],
    },
    Panel {
        title: "threads",
        value: |step| Some(step.threads as f64),
        logarithmic_from: None,
        ticks: &[0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
    },
    Panel {
        title: "longest time in queue, ms",
        value: |step| step.wait.map(|wait| wait.as_secs_f64() * 1_000.0),
        logarithmic_from: Some(0.01),
        ticks: &[0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0],
    },
];

impl Panel {
    /// How high above the bottom a value is drawn, in units of the panel's own.
    pub(crate) fn height_of(&self, value: f64) -> f64 {
        match self.logarithmic_from {
            Some(from) => (1.0 + value / from).log10(),
            None => value,
        }
    }

    pub(crate) fn is_logarithmic(&self) -> bool {
        self.logarithmic_from.is_some()
    }

    /// The greatest value of the steps.
    pub(crate) fn peak<'a>(&self, steps: impl IntoIterator<Item = &'a Step>) -> f64 {
        steps.into_iter().filter_map(self.value).fold(0.0, f64::max)
    }

    /// The values at which lines across are drawn if the picture reaches up to `top`.
    pub(crate) fn ticks_up_to(&self, top: f64) -> &[f64] {
        &self.ticks[..self.ticks.partition_point(|&tick| tick <= top)]
    }
}

/// A value in as few digits as tell it.
pub(crate) fn written(value: f64) -> String {
    let decimals = match value {
        _ if value >= 10.0 || value.fract().abs() < 1e-6 => 0,
        _ if value >= 0.095 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_at_the_bottom_and_more_is_higher() {
        for panel in &PANELS {
            let heights = [0.0, 0.02, 1.0, 64.0, 3_000.0].map(|value| panel.height_of(value));
            assert_eq!(heights[0], 0.0, "{}", panel.title);
            assert!(heights.is_sorted_by(|lower, higher| lower < higher), "{}", panel.title);
        }
    }

    #[test]
    fn no_line_is_above_the_top() {
        assert_eq!(PANELS[1].ticks_up_to(19.0), [0.0, 10.0]);
        assert_eq!(PANELS[1].ticks_up_to(20.0), [0.0, 10.0, 20.0]);
        assert_eq!(PANELS[1].ticks_up_to(1e9), PANELS[1].ticks);
    }

    #[test]
    fn few_digits() {
        let texts = [0.0, 0.01, 0.1, 1.0, 9.96, 1_234.5].map(written);
        assert_eq!(texts, ["0", "0.01", "0.1", "1", "10.0", "1234"]);
    }
}
