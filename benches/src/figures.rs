//! Medians, spans, and the head of a table.

use crate::cpu;

/// Prints a heading with what the machine is doing.
pub(crate) fn heading(title: &str, how: &str) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("\n## {title}\n\n{how} {cores} cores, load average {} at the start.\n", cpu::load());
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn extend(&mut self, values: Vec<f64>) {
        self.0.extend(values);
        self.0.sort_by(f64::total_cmp);
    }

    /// The value that this part of all does not exceed.
    pub(crate) fn part(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number of a measurement is small"
        )]
        let at = (self.0.len() as f64 * part) as usize;
        self.0.get(at).or(self.0.last()).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        let upper = self.0.get(middle).copied().unwrap_or(f64::NAN);
        match self.0.get(middle.wrapping_sub(1)) {
            Some(lower) if self.0.len().is_multiple_of(2) => f64::midpoint(*lower, upper),
            _ => upper,
        }
    }

    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// What an aim became.
pub(crate) fn verdict(value: f64, aim: f64) -> &'static str {
    if value <= aim { "reached" } else { "**missed**" }
}
