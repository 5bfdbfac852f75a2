//! The progress bar, on stderr, if that is a terminal.

use indicatif::{HumanBytes, ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;

/// With a length, a bar; without, as for a pipe, only how much and how fast.
pub(crate) fn bar(length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => {
            (ProgressBar::new(length), "{bar:40} {binary_bytes} of {binary_total_bytes}, {rate}/s")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {binary_bytes}, {rate}/s"),
    };
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        let _ = write!(out, "{}", HumanBytes(state.per_sec() as u64));
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.with_key("rate", rate)),
        // It is only less pretty.
        Err(_) => bar,
    }
}
