//! The terminal: a picture that grows in place, or, into a pipe or a file, a line for every step.

use crate::load::Load;
use crate::panel::{PANELS, Panel, written};
use crate::run::{Run, Step};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// How wide a picture is, and how high each of its panels; a picture and its texts fit 24 lines of 80.
const COLUMNS: usize = 75;
const ROWS: usize = 4;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const UP_LINES: &str = "A";
const REST_OF_LINE_OFF: &str = "\x1b[K";
/// A line that is too long for the terminal must not become two: the next picture would not cover it.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

pub(crate) struct Screen {
    draws_in_place: bool,
    phases: String,
    /// How many lines the picture has that is to be drawn over.
    lines_drawn: usize,
}

impl Screen {
    pub(crate) fn new(load: &Load) -> Self {
        let draws_in_place = io::stdout().is_terminal();
        Self { draws_in_place, phases: ruler(load), lines_drawn: 0 }
    }

    pub(crate) fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.lines_drawn = 0;
        if self.draws_in_place {
            return Ok(());
        }
        let heads = format!(
            "{:>6}  {:<10}{:>8}{:>9}{:>22}",
            "s", "phase", "queued", "threads", "longest in queue, ms"
        );
        print(&format!("{}\n{heads}\n", run.name))
    }

    /// Shows a run of which another step is over.
    pub(crate) fn show(&mut self, run: &Run, load: &Load) -> io::Result<()> {
        if self.draws_in_place {
            let picture = picture(run, load, &self.phases);
            let mut frame = String::from(WRAP_OFF);
            if self.lines_drawn > 0 {
                frame += &format!("\x1b[{}{UP_LINES}", self.lines_drawn);
            }
            frame += &picture.replace('\n', &format!("{REST_OF_LINE_OFF}\n"));
            frame += WRAP_ON;
            self.lines_drawn = picture.lines().count();
            return print(&frame);
        }
        run.steps.last().map_or(Ok(()), |step| print(&line(step, load)))
    }

    pub(crate) fn end(&self, run: &Run) -> io::Result<()> {
        let millis = |quantile| written(run.wait_at(quantile).as_secs_f64() * 1_000.0);
        print(&format!(
            "{}: {} jobs; in queue p50 {} ms, p99 {} ms, max {} ms; at most {} threads, {:.1} thread-seconds, {} left\n\n",
            run.name,
            run.stats.finished,
            millis(0.5),
            millis(0.99),
            millis(1.0),
            run.stats.peak_threads,
            run.thread_seconds,
            run.stats.threads,
        ))
    }
}

/// Like `print!`, which panics if nobody listens.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn line(step: &Step, load: &Load) -> String {
    let [queued, threads, wait] = PANELS.map(|panel| (panel.value)(step).map_or("-".to_owned(), written));
    let (time, phase) = (step.at.as_secs_f64(), load.phase_at(step.at).name);
    format!("{time:>6.2}  {phase:<10}{queued:>8}{threads:>9}{wait:>22}\n")
}

/// The names of the phases, each above the columns of its time.
fn ruler(load: &Load) -> String {
    let mut ruler = String::new();
    for (begin, phase) in load.begins() {
        let column = column_of(begin, load);
        let gap = column.saturating_sub(ruler.chars().count());
        ruler += &" ".repeat(gap);
        // Cut short if it would get in the way of the next one.
        let room = column_of(begin + phase.length, load) - column;
        ruler.extend(format!("│{}", phase.name).chars().take(room));
    }
    ruler
}

fn column_of(time: Duration, load: &Load) -> usize {
    (time.as_secs_f64() / load.length().as_secs_f64() * COLUMNS as f64) as usize
}

fn picture(run: &Run, load: &Load, phases: &str) -> String {
    let mut picture =
        format!("{:<20}{} ms per column\n{phases}\n", run.name, load.length().as_millis() / COLUMNS as u128);
    for panel in &PANELS {
        let now = run.steps.last().and_then(panel.value).map_or("-".to_owned(), written);
        // Writing into a string does not fail.
        let _ = writeln!(picture, "{}: {now}, at most {}", panel.title, written(panel.peak(&run.steps)));
        picture += &bars(panel, run, load);
    }
    picture
}

/// A bar for every column, as high as the greatest value of its steps; the highest of all fills the panel.
fn bars(panel: &Panel, run: &Run, load: &Load) -> String {
    let mut values = [0.0_f64; COLUMNS];
    for step in &run.steps {
        let column = column_of(step.at, load).min(COLUMNS - 1);
        values[column] = values[column].max((panel.value)(step).unwrap_or(0.0));
    }
    let top = panel.height_of(panel.peak(&run.steps)).max(f64::MIN_POSITIVE);
    let full = (ROWS * 8) as f64;
    // However small, what is not zero is to be seen.
    let eighths = values.map(|value| (panel.height_of(value) / top * full).ceil() as usize);
    let mut bars = String::new();
    for row in (0..ROWS).rev() {
        bars.extend(eighths.map(|height| EIGHTHS[height.saturating_sub(row * 8).min(8)]));
        bars.push('\n');
    }
    bars
}
