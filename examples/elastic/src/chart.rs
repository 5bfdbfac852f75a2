//! The picture as an SVG: a panel for each value, a colour for each run, the phases as stripes behind.

use crate::load::Load;
use crate::panel::{PANELS, Panel, written};
use crate::run::{Run, Step};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Display;
use std::ops::Range;

const WIDTH: u32 = 860;
const HEIGHT: u32 = 660;
/// Above the panels: the legend and the names of the phases.
const HEAD: u32 = 50;
/// Above each panel: its title.
const TITLE: u32 = 24;
/// Left of each panel and below it: what stands at its lines.
const LEFT: u32 = 56;
const BELOW: u32 = 20;
const RIGHT: u32 = 14;

const STRIPE: RGBColor = RGBColor(243, 244, 246);
const FAINT: RGBColor = RGBColor(214, 216, 220);
const DARK: RGBColor = RGBColor(55, 60, 67);
/// Told apart by those, too, who see no red and green.
const COLOURS: [RGBColor; 2] = [RGBColor(0, 104, 180), RGBColor(221, 119, 0)];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(crate) fn svg(runs: &[Run], load: &Load) -> Result<String, String> {
    let mut svg = String::new();
    {
        let picture = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        // Else a reader with a dark page would see dark lines on it.
        picture.fill(&WHITE).map_err(complaint)?;
        let (head, panels) = picture.split_vertically(HEAD);
        draw_head(&head, runs, load)?;
        for (area, panel) in panels.split_evenly((PANELS.len(), 1)).iter().zip(&PANELS) {
            draw_panel(area, panel, runs, load)?;
        }
        picture.present().map_err(complaint)?;
    }
    Ok(svg)
}

fn draw_head(area: &Area<'_>, runs: &[Run], load: &Load) -> Result<(), String> {
    let mut left = LEFT as i32;
    for (run, colour) in runs.iter().zip(COLOURS) {
        let stroke = [(left, 16), (left + 24, 16)];
        area.draw(&PathElement::new(stroke, colour.stroke_width(3))).map_err(complaint)?;
        let wait = run.wait_at(0.99).as_secs_f64() * 1_000.0;
        let text =
            format!("{}: p99 wait {} ms, {:.0} thread-seconds", run.name, written(wait), run.thread_seconds);
        area.draw(&Text::new(text, (left + 32, 16), text_style(16, HPos::Left))).map_err(complaint)?;
        left += (WIDTH - LEFT) as i32 / 2;
    }
    for (begin, phase) in load.begins() {
        let middle = (begin + phase.length / 2).as_secs_f64() / load.length().as_secs_f64();
        let at = LEFT as i32 + (middle * f64::from(WIDTH - LEFT - RIGHT)) as i32;
        area.draw(&Text::new(phase.name, (at, 42), text_style(16, HPos::Center))).map_err(complaint)?;
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel, runs: &[Run], load: &Load) -> Result<(), String> {
    let scale = if panel.is_logarithmic() { " (logarithmic)" } else { "" };
    let title = format!("{}{scale}", panel.title);
    let title = Text::new(title, (LEFT as i32, 13), text_style(16, HPos::Left));
    area.draw(&title).map_err(complaint)?;

    let peak = panel.peak(runs.iter().flat_map(|run| &run.steps));
    let axis = Axis::new(panel, peak);
    let top = axis.top;
    let mut chart = ChartBuilder::on(area)
        .margin_top(TITLE)
        .margin_right(RIGHT)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..load.length().as_secs_f64(), axis)
        .map_err(complaint)?;

    let stripes = load.begins().step_by(2).map(|(begin, phase)| {
        let (from, to) = (begin.as_secs_f64(), (begin + phase.length).as_secs_f64());
        Rectangle::new([(from, 0.0), (to, top)], STRIPE.filled())
    });
    chart.draw_series(stripes).map_err(complaint)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_label_formatter(&|seconds| format!("{} s", written(*seconds)))
        .label_style(("sans-serif", 14, &DARK))
        .draw()
        .map_err(complaint)?;

    // The first run, which the picture is about, comes to lie on top.
    for (run, colour) in runs.iter().zip(COLOURS).rev() {
        for steps in run.steps.chunk_by(|_, next| (panel.value)(next).is_some()) {
            let points = steps.iter().filter_map(|step| point(panel, step));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(complaint)?;
        }
    }
    Ok(())
}

fn point(panel: &Panel, step: &Step) -> Option<(f64, f64)> {
    Some((step.at.as_secs_f64(), (panel.value)(step)?))
}

/// The vertical axis of a panel.
struct Axis<'a> {
    panel: &'a Panel,
    top: f64,
}

impl<'a> Axis<'a> {
    /// Reaches a bit beyond the peak; never so low that nothing would be something.
    fn new(panel: &'a Panel, peak: f64) -> Self {
        Self { panel, top: (peak * 1.1).max(1.0) }
    }
}

impl Ranged for Axis<'_> {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (bottom, top): (i32, i32)) -> i32 {
        let share = self.panel.height_of(*value) / self.panel.height_of(self.top);
        bottom + (share * f64::from(top - bottom)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.panel.ticks_up_to(self.top).to_vec()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.top
    }
}

impl ValueFormatter<f64> for Axis<'_> {
    fn format(value: &f64) -> String {
        written(*value)
    }
}

fn text_style(size: u32, side: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&DARK).pos(Pos::new(side, VPos::Center))
}

fn complaint(error: impl Display) -> String {
    format!("cannot draw the picture: {error}")
}
