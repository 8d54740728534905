//! Reads the lines of functions: the counts of every thread, and the source text.

use std::collections::BTreeMap;

use super::sums::{LineSums, LinesOfFunction};
use super::{Reading, add};
use crate::segment::layout::{
    LineCounts, LineTally, header, line_counts, line_tally, site_record, way,
};
use crate::segment::reader::Record;
use crate::snapshot::{Function, Line};

impl<'a> Reading<'a> {
    /// Adds the function's lines in one thread.
    pub(super) fn lines(&mut self, index: usize, record: &Record<'a>) {
        const WORDS: u64 = size_of::<LineTally>() as u64 / 8;
        const EACH: u64 = size_of::<LineCounts>() as u64 / 8;
        let numbers = match &self.sums[index].lines {
            Some(lines) => lines.sums.len(),
            None => self.numbers(index).len(),
        };
        let is_known = self.sums[index].lines.is_some();
        let bytes = numbers * size_of::<LineSums>();
        if !(self.view.may_visit(numbers as u64 * EACH) && (is_known || self.view.may_keep(bytes)))
        {
            return;
        }
        let lines = self.sums[index].lines.get_or_insert_default();
        lines.sums.resize(numbers, LineSums::default());
        lines.is_sampled |= matches!(record.word(line_tally::way), way::SAMPLED | way::SAMPLING);
        for (number, sums) in (0..record.word(line_tally::lines)).zip(&mut lines.sums) {
            let word = |word: u64| record.word(WORDS + number * EACH + word);
            add(&mut sums.hits, word(line_counts::hits));
            add(&mut sums.ticks, word(line_counts::ticks));
            add(&mut sums.timed, word(line_counts::timed));
            add(&mut sums.waiting_ticks, word(line_counts::waiting_ticks));
            for (sum, more) in sums.waiting.iter_mut().zip(waiting(record, WORDS + number * EACH)) {
                *sum = sum.wrapping_add(more);
            }
            for (sum, count) in sums.heap.iter_mut().zip(line_counts::heap..) {
                add(sum, word(count));
            }
            // In two's complement, as are the sums.
            sums.increment_bytes = sums.increment_bytes.wrapping_add(word(line_counts::resident));
            sums.most_bytes = sums.most_bytes.max(word(line_counts::resident + 1));
        }
    }

    /// The source line of each line number in the table.
    fn numbers(&self, index: usize) -> Vec<u32> {
        let text = self.view.long_text(self.sites[index].word(site_record::line_numbers));
        text.split(',').filter_map(|number| number.parse().ok()).collect()
    }

    /// Cost of recording the lines of a function for this many calls with this many marks, in
    /// ticks.
    pub(super) fn cost_of_lines(&self, index: usize, marks: u64, calls: u64) -> f64 {
        let Some(lines) = &self.sums[index].lines else { return 0.0 };
        let mark = if lines.is_sampled { self.costs.counted_mark } else { self.costs.mark };
        marks as f64 * mark + calls as f64 * self.costs.stay
    }

    /// The lines of a function with `#[profile(lines)]`, in source order.
    pub(super) fn lines_of_function(
        &self,
        index: usize,
        function: &Function,
        measured: bool,
    ) -> Vec<Line> {
        let Some(LinesOfFunction { sums, is_sampled }) = &self.sums[index].lines else {
            return Vec::new();
        };
        let mut lines = self.unfitted_lines(index, sums, *is_sampled, measured);
        if *is_sampled {
            fit(&mut lines, function.inclusive_ns);
        }
        lines
    }

    fn unfitted_lines(
        &self,
        index: usize,
        sums: &[LineSums],
        is_sampled: bool,
        measured: bool,
    ) -> Vec<Line> {
        let inside = if is_sampled { self.costs.sampled } else { self.costs.mark };
        let site = &self.sites[index];
        let with_resident = site.word(site_record::with_resident) != 0;
        let (path, file) = (site.word(site_record::path), site.word(site_record::file));
        let (path, file) = (self.view.text(path), self.view.text(file));
        let source = self.view.long_text(site.word(site_record::source));
        let first = site.word(site_record::first_line) as u32;
        let blank = |line| Line { path: path.clone(), file: file.clone(), line, ..Line::default() };
        // Each line has its own copy of the names, in a map and then in a list.
        let bytes = 3 * size_of::<Line>() + path.len() + file.len();
        let may_keep = |text: &str| self.view.may_keep(bytes + text.len());
        let texts = (first..).zip(source.lines()).take_while(|(_, text)| may_keep(text));
        let texts =
            texts.map(|(line, text)| (line, Line { source: text.to_owned(), ..blank(line) }));
        let mut lines: BTreeMap<u32, Line> = texts.collect();
        for (number, sums) in self.numbers(index).into_iter().zip(sums) {
            if !lines.contains_key(&number) && !may_keep("") {
                break;
            }
            let line = lines.entry(number).or_insert_with(|| blank(number));
            self.times(line, sums, inside);
            memory(line, sums, measured, with_resident);
        }
        let parts = self.view.long_text(site.word(site_record::line_parts));
        let parts = parts.lines().filter_map(part);
        // Each part looks at every line.
        let count = lines.len() as u64;
        let parts = parts.take_while(|_| self.view.may_visit(count));
        parts.for_each(|part| part.name(&mut lines));
        let mut lines: Vec<Line> = lines.into_values().collect();
        lines.iter_mut().filter(|line| is_silent_end(line)).for_each(without_figures);
        lines
    }

    /// Ticks that suspended futures have waited so far.
    fn open_waits(&self, [calls, began]: [u64; 2]) -> u64 {
        let calls = calls.cast_signed().max(0).cast_unsigned();
        let waited = self.now.ticks.wrapping_mul(calls).wrapping_sub(began).cast_signed();
        // In a segment that is being written, one of the two words may be newer than the other.
        let most = self.now.ticks.saturating_sub(self.view.header(header::first_ticks));
        waited.max(0).cast_unsigned().min(most.saturating_mul(calls))
    }

    /// `inside`: the measured duration of an empty stay, in ticks.
    fn times(&self, line: &mut Line, sums: &LineSums, inside: f64) {
        let cost = sums.timed as f64 * inside;
        line.hits = Some(sums.hits);
        line.timed_hits = Some(sums.timed.min(sums.hits));
        line.inclusive_ns = Some(self.rate.ns_f64((sums.ticks as f64 - cost).max(0.0)) as u64);
        let waited = sums.waiting_ticks.saturating_add(self.open_waits(sums.waiting));
        line.waiting_ns = Some(self.rate.ns(waited));
    }
}

/// The number of futures that wait on a line in one thread, and the sum of the times at which they
/// began to wait. Both are from the same moment unless they change at every attempt.
fn waiting(record: &Record<'_>, line: u64) -> [u64; 2] {
    let read = || [0, 1].map(|word| record.word(line + line_counts::waiting + word));
    let mut last = read();
    for _ in 0..4 {
        let again = read();
        if again == last {
            break;
        }
        last = again;
    }
    last
}

/// A closure or macro that spans several lines and is counted on the line of its statement.
struct Part<'a> {
    lines: [u32; 2],
    counted_on: u32,
    what: &'a str,
}

/// Parses `12 18 11 select!`.
fn part(text: &str) -> Option<Part<'_>> {
    let mut words = text.splitn(4, ' ');
    let mut number = || words.next()?.parse().ok();
    let (lines, counted_on) = ([number()?, number()?], number()?);
    Some(Part { lines, counted_on, what: words.next()? })
}

impl Part<'_> {
    /// Marks each of its lines that has no figures of its own.
    fn name(&self, lines: &mut BTreeMap<u32, Line>) {
        let [first, last] = self.lines;
        for line in lines.values_mut().filter(|it| (first..=last).contains(&it.line)) {
            if line.hits.is_none() && line.line != self.counted_on && line.counted_on.is_none() {
                line.counted_on = Some(self.counted_on);
                line.part_of = Some(self.what.to_owned());
            }
        }
    }
}

/// Whether blocks end on the line that never had anything to drop.
fn is_silent_end(line: &Line) -> bool {
    let text = line.source.trim();
    let rest = text.trim_start_matches(['}', ')', ']', ';', ',', ' ']);
    let is_end = text.starts_with('}') && matches!(rest, "" | "else {");
    is_end && line.hits == Some(0) && line.inclusive_ns == Some(0)
}

fn without_figures(line: &mut Line) {
    let Line { path, file, line: number, source, .. } = std::mem::take(line);
    *line = Line { path, file, line: number, source, ..Line::default() };
}

/// Scales estimates to their sum, which is known far more accurately: the function's inclusive time
/// (the ratio estimate of survey sampling). A sampled stay takes the processor by surprise, and
/// appears some ns longer than it would have been.
fn fit(lines: &mut [Line], function_ns: u64) {
    let sum: f64 = lines.iter().filter_map(|line| line.inclusive_ns).map(|ns| ns as f64).sum();
    for ns in lines.iter_mut().filter_map(|line| line.inclusive_ns.as_mut()) {
        *ns = (*ns as f64 * function_ns as f64 / sum.max(1.0)).round() as u64;
    }
}

fn memory(line: &mut Line, sums: &LineSums, measured: bool, with_resident: bool) {
    if measured {
        let [allocations, allocated, freed] = sums.heap;
        line.allocations = Some(allocations);
        line.allocated_bytes = Some(allocated);
        line.freed_bytes = Some(freed);
        line.net_bytes = Some(allocated.wrapping_sub(freed).cast_signed());
    }
    if with_resident {
        line.resident_increment_bytes = Some(sums.increment_bytes.cast_signed());
        line.resident_bytes = Some(sums.most_bytes).filter(|most| *most > 0);
    }
}
