//! A picture of memory over time in SVG: the curve, windows as pairs of brackets on it, child
//! processes, and peaks. Similar to `mprof plot`, but without Python.
//!
//! The file is self-contained, without scripts and external styles or fonts, so that it looks the
//! same in a browser, an editor and a web page.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;

use super::axis::Axis;
use super::canvas::{BOTTOM, Canvas, INK, LEFT, LINE, PALE, RIGHT, TOP};
use super::curves::{Curve, Curves, Point, Span, Subject};
use super::format::{Format, Style};
use super::names;
use super::text::{cut, safe_and_short};
use crate::snapshot::{Process, Snapshot};
use crate::units;

const GRID: &str = "#e5e7eb";
const PEAK: &str = "#d62728";
const KERNEL: &str = "#7e22ce";
/// Based on the colors of Okabe and Ito, which color-blind people can distinguish; darker, to be
/// legible as text on white.
const WINDOWS: [&str; 5] = ["#0072b2", "#c77700", "#009e73", "#b04a87", "#2a8fc7"];
const OTHERS: [&str; 4] = ["#a16207", "#4d7c0f", "#0e7490", "#9f1239"];

/// Styles of lines.
const THICK: &str = "stroke-width=\"1.8\"";
const THIN: &str = "stroke-width=\"1.3\"";
const DASHED: &str = "stroke-dasharray=\"7 4\"";
const DOTTED: &str = "stroke-width=\"2\" stroke-dasharray=\"2 4\"";

/// Maximum number of characters of a name.
const LONGEST_NAME: usize = 30;
/// Maximum numbers of entries in the legend.
const MOST_OTHERS: usize = 5;
const MOST_WINDOWS: usize = 10;

pub(crate) struct Svg;

impl Format for Svg {
    fn name(&self) -> &'static str {
        "svg"
    }

    fn description(&self) -> &'static str {
        "memory over time as a picture"
    }

    fn extension(&self) -> &'static str {
        "svg"
    }

    fn media_type(&self) -> &'static str {
        "image/svg+xml"
    }

    fn write(&self, snapshot: &Snapshot, _: &Style, to: &mut dyn io::Write) -> io::Result<()> {
        svg(snapshot, to)
    }
}

pub(crate) fn svg(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let mut canvas = Canvas::new(&title(&snapshot.process));
    match Curves::of(snapshot) {
        Some(curves) => draw(&curves, &mut canvas),
        None => canvas.text(LEFT, TOP + LINE, INK, "start", "no memory was read over time"),
    }
    to.write_all(canvas.finish().as_bytes())
}

fn title(process: &Process) -> String {
    let program = safe_and_short(&process.program);
    let program = program.rsplit('/').next().unwrap_or_default();
    let started = units::utc(process.started_unix_ns);
    format!("memory of {} (pid {}), {started}", cut(program, 60), process.process_id)
}

fn draw(curves: &Curves<'_>, canvas: &mut Canvas) {
    let scale = Scale::new(curves);
    axes(&scale, curves.main.subject.backend, canvas);
    main(&curves.main, &scale, canvas);
    others(curves, &scale, canvas);
    peak(&curves.main, &scale, canvas);
    kernel_peaks(curves, &scale, canvas);
    windows(&curves.spans, &scale, canvas);
}

/// Maps times and numbers of bytes to positions.
struct Scale {
    began_unix_ns: u64,
    time: Axis,
    memory: Axis,
}

impl Scale {
    /// A scale that covers everything that is drawn, with a small margin.
    fn new(curves: &Curves<'_>) -> Scale {
        let lines = std::iter::once(&curves.main).chain(&curves.others);
        let of_lines = lines.flat_map(|curve| curve.points.iter().copied());
        let points = || of_lines.clone().chain(curves.spans.iter().flat_map(ends));
        let began_unix_ns = points().map(|point| point.unix_ns).min().unwrap_or(0);
        let ended_unix_ns = points().map(|point| point.unix_ns).max().unwrap_or(0);
        let lowest = points().map(|point| point.bytes).min().unwrap_or(0);
        let highest =
            points().map(|point| point.bytes).chain(curves.spans.iter().filter_map(kernel_peak));
        let (low, high) = (mib(lowest), mib(highest.max().unwrap_or(0)));
        // Starts at zero, unless that would flatten the curve.
        let low = if low > high / 2.0 { low - (high - low) * 0.1 } else { 0.0 };
        let seconds = (ended_unix_ns - began_unix_ns) as f64 / 1e9;
        Scale {
            began_unix_ns,
            time: Axis::new(-seconds * 0.015, seconds * 1.015, 8),
            memory: Axis::new(low, high + (high - low) * 0.12, 6),
        }
    }

    fn x(&self, unix_ns: u64) -> f64 {
        let seconds = unix_ns.saturating_sub(self.began_unix_ns) as f64 / 1e9;
        x_of(self.time.position(seconds))
    }

    fn y(&self, bytes: u64) -> f64 {
        y_of(self.memory.position(mib(bytes)))
    }

    fn points(&self, curve: &Curve<'_>) -> Vec<(f64, f64)> {
        curve.points.iter().map(|point| self.at(*point)).collect()
    }

    fn at(&self, point: Point) -> (f64, f64) {
        (self.x(point.unix_ns), self.y(point.bytes))
    }
}

fn x_of(position: f64) -> f64 {
    LEFT + position * (RIGHT - LEFT)
}

fn y_of(position: f64) -> f64 {
    BOTTOM - position * (BOTTOM - TOP)
}

fn ends(span: &Span<'_>) -> [Point; 2] {
    [span.start, span.end]
}

/// The kernel's peak, if it is higher than all readings of the window.
fn kernel_peak(span: &Span<'_>) -> Option<u64> {
    let peak = span.record.kernel_peak_bytes.filter(|_| span.reads_main);
    peak.filter(|peak| *peak > span.record.peak_bytes)
}

fn axes(scale: &Scale, backend: &str, canvas: &mut Canvas) {
    for tick in scale.memory.ticks() {
        let y = y_of(scale.memory.position(tick));
        canvas.stroke(GRID, "", &[(LEFT, y), (RIGHT, y)]);
        canvas.text(LEFT - 8.0, y + 4.0, PALE, "end", &scale.memory.label(tick));
    }
    for tick in scale.time.ticks() {
        let x = x_of(scale.time.position(tick));
        canvas.stroke(GRID, "", &[(x, TOP), (x, BOTTOM)]);
        canvas.text(x, BOTTOM + LINE, PALE, "middle", &scale.time.label(tick));
    }
    canvas.stroke(PALE, "", &[(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)]);
    canvas.text((LEFT + RIGHT) / 2.0, BOTTOM + 2.2 * LINE, INK, "middle", "time, s");
    canvas.rotated_text((20.0, (TOP + BOTTOM) / 2.0), &format!("{}, MiB", describe(backend)));
}

fn main(curve: &Curve<'_>, scale: &Scale, canvas: &mut Canvas) {
    let points = scale.points(curve);
    canvas.shade(&points);
    canvas.curve(INK, THICK, &points);
    canvas.entry(INK, THICK, &subject(&curve.subject, true));
}

fn others(curves: &Curves<'_>, scale: &Scale, canvas: &mut Canvas) {
    for (at, (curve, color)) in curves.others.iter().zip(OTHERS.into_iter().cycle()).enumerate() {
        canvas.curve(color, THIN, &scale.points(curve));
        if at < MOST_OTHERS {
            let is_other_backend = curve.subject.backend != curves.main.subject.backend;
            canvas.entry(color, THIN, &subject(&curve.subject, is_other_backend));
        }
    }
    canvas.more(curves.others.len(), MOST_OTHERS);
}

/// The label of a curve.
fn subject(subject: &Subject<'_>, with_backend: bool) -> String {
    let what = if with_backend { describe(subject.backend) + ", " } else { String::new() };
    let children = if subject.with_children { " and children" } else { "" };
    format!("{what}pid {}{children}", subject.process_id)
}

/// A horizontal and a vertical line through the highest reading.
fn peak(curve: &Curve<'_>, scale: &Scale, canvas: &mut Canvas) {
    let earlier_first = |point: &&Point| (point.bytes, Reverse(point.unix_ns));
    let Some(peak) = curve.points.iter().max_by_key(earlier_first) else { return };
    let (x, y) = scale.at(*peak);
    canvas.stroke(PEAK, DASHED, &[(LEFT, y), (RIGHT, y)]);
    canvas.stroke(PEAK, DASHED, &[(x, TOP), (x, BOTTOM)]);
    canvas.label((x + 6.0, y - 6.0), PEAK, &format!("peak {}", units::bytes(peak.bytes)));
    canvas.entry(PEAK, DASHED, "highest reading");
}

/// A line over each window whose kernel peak is higher than its readings. The highest one has a
/// label.
fn kernel_peaks(curves: &Curves<'_>, scale: &Scale, canvas: &mut Canvas) {
    let peaks = curves.spans.iter().filter_map(|span| Some((span, kernel_peak(span)?)));
    for (span, peak) in peaks.clone() {
        let y = scale.y(peak);
        canvas.stroke(KERNEL, DOTTED, &ends(span).map(|end| (scale.x(end.unix_ns), y)));
    }
    let outer_first = |(span, peak): &(&Span<'_>, u64)| (*peak, Reverse(span.level));
    if let Some((span, peak)) = peaks.max_by_key(outer_first) {
        let position = (scale.x(span.start.unix_ns) + 6.0, scale.y(peak) - 6.0);
        canvas.label(position, KERNEL, &format!("kernel's peak {}", units::bytes(peak)));
        canvas.entry(KERNEL, DOTTED, "kernel's peak, between readings");
    }
}

/// Draws the windows. All calls of a function have the same color.
fn windows(spans: &[Span<'_>], scale: &Scale, canvas: &mut Canvas) {
    let mut color_of: HashMap<&str, &str> = HashMap::new();
    for (at, span) in spans.iter().enumerate() {
        let path = &span.record.path;
        let next = WINDOWS[color_of.len() % WINDOWS.len()];
        let color = *color_of.entry(path).or_insert(next);
        let time = units::duration(span.record.duration_ns);
        let words = format!("{} {time}", short(path));
        let [start, end] = ends(span).map(|end| scale.at(end));
        canvas.brackets(color, [start, end], &format!("{} {time}", safe_and_short(path)));
        canvas.label((start.0 + 4.0, start.1 - 18.0), color, &words);
        if at < MOST_WINDOWS {
            canvas.bracket_entry(color, &words);
        }
    }
    canvas.more(spans.len(), MOST_WINDOWS);
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The description of a backend.
fn describe(backend: &str) -> String {
    match backend {
        "rss" => "resident memory".to_owned(),
        "pss" => "resident memory, shared pages divided".to_owned(),
        "uss" => "memory not shared".to_owned(),
        "heap" => "live heap".to_owned(),
        other => cut(&safe_and_short(other), LONGEST_NAME),
    }
}

fn short(path: &str) -> String {
    let path = safe_and_short(path);
    cut(&names::short(&path), LONGEST_NAME)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{HEIGHT, WIDTH};
    use super::super::samples;
    use super::*;
    use crate::snapshot::MemoryRecord;

    fn picture(snapshot: &Snapshot) -> String {
        samples::rendered("svg", snapshot, None)
    }

    /// The texts that the user sees.
    fn words(svg: &str) -> Vec<&str> {
        let text = |rest: &&str| rest.starts_with(' ');
        let texts = svg.split("<text").skip(1).filter(text);
        texts.filter_map(|rest| Some(rest.split_once('>')?.1.split_once('<')?.0)).collect()
    }

    /// Whether all elements are closed, and properly nested.
    fn is_well_formed(svg: &str) -> bool {
        let mut open = Vec::new();
        let tags = svg.split('<').skip(1).map(|rest| rest.split_once('>'));
        for tag in tags {
            let Some((tag, _)) = tag else { return false };
            let name = tag.split_whitespace().next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) if open.pop() != Some(name) => return false,
                None if !tag.ends_with('/') => open.push(name),
                _ => {}
            }
        }
        open.is_empty()
    }

    #[test]
    fn curves_windows_and_peaks_are_named() {
        let svg = picture(&samples::ordinary());
        let words = words(&svg);
        for expected in [
            "memory of survey (pid 4711), 2026-01-31 12:30:00 UTC",
            "time, s",
            "resident memory, MiB",
            "resident memory, pid 4711",
            "pid 4712",
            "peak 60.0 MiB",
            "highest reading",
            "kernel&#39;s peak 66.0 MiB",
            "main 10.0 s",
            "&lt;Parser as Run&gt;::run 3.00 s",
        ] {
            assert!(words.contains(&expected), "{expected}: {words:?}");
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_no_name_is_markup() {
        for name in samples::HOSTILE.iter().chain(&["\u{fffe}<g>\u{ffff}&\"'"]) {
            let svg = picture(&samples::named(name));
            assert!(is_well_formed(&svg), "{name:?}: {svg}");
            for bad in ["<script", "<img", "<g>\u{fffd}", "href", "url(", "\u{fffe}", "\u{ffff}"] {
                let inside = bad == "href" || bad == "url(";
                assert!(!svg.contains(bad) || inside && name.contains(bad), "{bad}: {svg}");
            }
        }
    }

    #[test]
    fn every_point_is_inside_the_picture() {
        for snapshot in [samples::ordinary(), samples::extreme(), samples::zero()] {
            let svg = picture(&snapshot);
            assert!(is_well_formed(&svg), "{svg}");
            for path in svg.split(" d=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let pairs =
                    path.trim_end_matches('Z').split(['M', 'L']).filter(|pair| !pair.is_empty());
                for pair in pairs {
                    let (x, y) = pair.split_once(' ').expect("two numbers");
                    let [x, y] = [x, y].map(|number| number.parse::<f64>().expect("a number"));
                    assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{pair}");
                }
            }
        }
    }

    #[test]
    fn the_kernels_peak_is_drawn_only_where_it_is_higher_than_the_readings() {
        let mut snapshot = samples::ordinary();
        snapshot.memory[0].kernel_peak_bytes = Some(snapshot.memory[0].peak_bytes);
        assert!(!picture(&snapshot).contains("kernel"));
    }

    #[test]
    fn readings_with_children_are_a_separate_curve() {
        let mut snapshot = samples::ordinary();
        let mut alone = snapshot.memory[0].clone();
        alone.duration_ns /= 2;
        alone.children.clear();
        snapshot.memory[0].includes_children = true;
        snapshot.memory.push(alone);
        let svg = picture(&snapshot);
        let words = words(&svg);
        assert!(words.contains(&"resident memory, pid 4711 and children"), "{words:?}");
        assert!(words.contains(&"pid 4711"), "{words:?}");
    }

    #[test]
    fn many_windows_are_drawn_and_the_legend_says_how_many_it_leaves_out() {
        let mut snapshot = samples::ordinary();
        let later = |n: u64| MemoryRecord {
            started_unix_ns: snapshot.memory[1].started_unix_ns + n * 1_000_000,
            ..snapshot.memory[1].clone()
        };
        snapshot.memory = (0..30).map(later).collect();
        let svg = picture(&snapshot);
        assert_eq!(svg.matches("<g><title>").count(), 30);
        assert!(words(&svg).contains(&"and 20 more"), "{svg}");
    }

    #[test]
    fn a_picture_without_readings_has_a_note() {
        for snapshot in [Snapshot::default(), samples::zero()] {
            let svg = picture(&snapshot);
            assert!(words(&svg).contains(&"no memory was read over time"), "{svg}");
        }
    }
}
