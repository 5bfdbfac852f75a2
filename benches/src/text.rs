//! Tables, as text.

use std::fmt::Write;

/// With three digits or so.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if value == value.trunc() => format!("{value:.0}"),
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        0.1..10.0 => format!("{value:.2}"),
        0.0005..0.1 => format!("{value:.3}"),
        _ => "~0".to_owned(),
    }
}

/// A dot if there is none.
pub fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "·".to_owned(), number)
}

/// The least and the greatest.
pub fn range(values: &[f64]) -> String {
    let extreme = |pick: fn(f64, f64) -> f64| cell(values.iter().copied().reduce(pick));
    format!("{} – {}", extreme(f64::min), extreme(f64::max))
}

/// The first column to the left, the others to the right.
pub fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let written =
                if column == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
            written.expect("a string takes it");
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}
