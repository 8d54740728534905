//! The canvas of a picture: lines, text, labels that do not overlap, and a legend. All SVG is
//! written here, so that no name gets into it unescaped.
//!
//! Each element is one line, so names do not affect the number of lines.

use std::fmt::Write as _;

use super::text::{self, markup};
use crate::units;

pub(crate) const WIDTH: f64 = 1180.0;
pub(crate) const HEIGHT: f64 = 480.0;
/// The area of the curves.
pub(crate) const LEFT: f64 = 76.0;
pub(crate) const RIGHT: f64 = 840.0;
pub(crate) const TOP: f64 = 52.0;
pub(crate) const BOTTOM: f64 = 424.0;
/// Height of a line of text.
pub(crate) const LINE: f64 = 18.0;

pub(crate) const INK: &str = "#1f2937";
pub(crate) const PALE: &str = "#6b7280";

#[derive(Default)]
pub(crate) struct Canvas {
    svg: String,
    /// Labels, drawn on top of everything else.
    labels: String,
    /// The areas that they cover.
    covered: Vec<Rectangle>,
    /// Number of lines in the legend.
    legend: usize,
}

/// Left, top, right, bottom.
#[derive(Clone, Copy)]
struct Rectangle(f64, f64, f64, f64);

impl Rectangle {
    fn overlaps(&self, other: &Rectangle) -> bool {
        self.0 < other.2 && other.0 < self.2 && self.1 < other.3 && other.1 < self.3
    }
}

impl Canvas {
    /// An empty canvas with a title.
    pub(crate) fn new(title: &str) -> Canvas {
        let mut canvas = Canvas::default();
        canvas.line(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\">"
        ));
        let title = markup(title);
        canvas.line(&format!("<title>{title}</title>"));
        canvas.line("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>");
        canvas.line(&format!(
            "<text x=\"{LEFT}\" y=\"30\" font-size=\"16\" font-weight=\"600\" fill=\"{INK}\">{title}</text>"
        ));
        canvas
    }

    /// The complete SVG.
    pub(crate) fn finish(mut self) -> String {
        let labels = std::mem::take(&mut self.labels);
        self.line(&format!("<g>{labels}</g>"));
        self.line("</svg>");
        self.svg
    }

    /// Text that runs upward, left of an axis.
    pub(crate) fn rotated_text(&mut self, (x, y): (f64, f64), words: &str) {
        let words = markup(words);
        self.line(&format!(
            "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\" fill=\"{INK}\">{words}</text>"
        ));
    }

    /// Shades the area below a curve.
    pub(crate) fn shade(&mut self, points: &[(f64, f64)]) {
        let ([(first, _), ..], [.., (last, _)]) = (points, points) else { return };
        let outline = path(&[&[(*first, BOTTOM)], points, &[(*last, BOTTOM)]].concat());
        self.line(&format!("<path d=\"{outline}Z\" fill=\"{INK}\" fill-opacity=\"0.06\"/>"));
    }

    /// A pair of brackets, with a title that a browser shows when the pointer is over it.
    pub(crate) fn brackets(&mut self, color: &str, ends: [(f64, f64); 2], title: &str) {
        let title = markup(title);
        let brackets = pair_of_brackets(ends, 7.0, 13.0);
        self.line(&format!(
            "<g><title>{title}</title><path d=\"{brackets}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2.2\"/></g>"
        ));
    }

    /// A label at this position, or a little above or below it. It is omitted if others cover all
    /// of these; the legend has most names.
    pub(crate) fn label(&mut self, (x, y): (f64, f64), color: &str, words: &str) {
        const CHARACTER: f64 = 7.2;
        let wide = text::width(words) as f64 * CHARACTER;
        let x = x.min(RIGHT - wide - 2.0).max(LEFT + 2.0);
        let bounds = |y: f64| Rectangle(x, y - 12.0, x + wide, y + 4.0);
        let is_free = |y: &f64| {
            let inside = *y > TOP && *y < BOTTOM - 4.0;
            inside && !self.covered.iter().any(|other| other.overlaps(&bounds(*y)))
        };
        let Some(y) = [y, y + 3.0 * LINE, y - LINE, y + 4.0 * LINE].into_iter().find(is_free)
        else {
            return;
        };
        self.covered.push(bounds(y));
        self.labels.push_str(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{color}\" stroke=\"#ffffff\" stroke-width=\"3\" \
             paint-order=\"stroke\" stroke-linejoin=\"round\">{}</text>",
            markup(words)
        ));
    }

    /// An entry of the legend with a line.
    pub(crate) fn entry(&mut self, color: &str, attributes: &str, words: &str) {
        let y = self.legend_line(words);
        self.stroke(color, attributes, &[(RIGHT + 20.0, y - 4.0), (RIGHT + 42.0, y - 4.0)]);
    }

    /// An entry of the legend with a pair of brackets.
    pub(crate) fn bracket_entry(&mut self, color: &str, words: &str) {
        let y = self.legend_line(words) - 4.0;
        let brackets = pair_of_brackets([(RIGHT + 24.0, y), (RIGHT + 38.0, y)], 4.0, 6.0);
        self.line(&format!(
            "<path d=\"{brackets}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2.2\"/>"
        ));
    }

    fn legend_line(&mut self, words: &str) -> f64 {
        let y = TOP + 10.0 + self.legend as f64 * LINE;
        self.legend += 1;
        self.text(RIGHT + 50.0, y, INK, "start", words);
        y
    }

    /// The number of entries that did not fit into the legend.
    pub(crate) fn more(&mut self, entries: usize, shown: usize) {
        if let Some(more @ 1..) = entries.checked_sub(shown) {
            self.legend_line(&format!("and {} more", units::count(more as u64)));
        }
    }

    /// A curve through the points. A single reading is a dot, since a line of one point is
    /// invisible.
    pub(crate) fn curve(&mut self, color: &str, attributes: &str, points: &[(f64, f64)]) {
        match points {
            [(x, y)] => self
                .line(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>")),
            _ => self.stroke(color, attributes, points),
        }
    }

    /// A line through the points.
    pub(crate) fn stroke(&mut self, color: &str, attributes: &str, points: &[(f64, f64)]) {
        let path = path(points);
        self.line(&format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-linejoin=\"round\" {attributes}/>"
        ));
    }

    /// Text at a position.
    pub(crate) fn text(&mut self, x: f64, y: f64, color: &str, anchor: &str, words: &str) {
        let words = markup(words);
        self.line(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\">{words}</text>"
        ));
    }

    fn line(&mut self, element: &str) {
        self.svg.push_str(element);
        self.svg.push('\n');
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{command}{x:.1} {y:.1}");
    }
    path
}

/// `[` at the start of a window and `]` at its end: the arms point inward.
fn pair_of_brackets([start, end]: [(f64, f64); 2], arm: f64, half: f64) -> String {
    let bracket = |(x, y): (f64, f64), arm: f64| {
        path(&[(x + arm, y - half), (x, y - half), (x, y + half), (x + arm, y + half)])
    };
    bracket(start, arm) + &bracket(end, -arm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap() {
        let mut canvas = Canvas::default();
        for _ in 0..9 {
            canvas.label((200.0, 200.0), INK, "a label");
        }
        assert_eq!(canvas.labels.matches("<text").count(), 4);
        canvas.label((RIGHT, 300.0), INK, "at the border");
        assert!(canvas.labels.contains("x=\"744.4\""), "{}", canvas.labels);
    }

    #[test]
    fn text_is_never_markup() {
        assert_eq!(
            markup("<a href='x'>&\"\u{ffff}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{fffd}"
        );
    }

    #[test]
    fn one_reading_is_a_dot_and_a_bracket_points_inward() {
        let mut canvas = Canvas::new("one");
        canvas.curve(INK, "", &[(100.0, 200.0)]);
        canvas.brackets(INK, [(10.0, 50.0), (90.0, 50.0)], "window");
        let svg = canvas.finish();
        assert!(svg.contains("<circle cx=\"100.0\" cy=\"200.0\""), "{svg}");
        assert!(
            svg.contains("M17.0 37.0L10.0 37.0") && svg.contains("M83.0 37.0L90.0 37.0"),
            "{svg}"
        );
    }
}
