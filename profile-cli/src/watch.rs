//! `watch`: what a running program did since the last look at it.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use profile_core::{Function, Snapshot, read_segment};

use crate::output::{self, Diagnostic};
use crate::runs::aligned;

/// How often, how many times, and how many rows.
pub(crate) struct Plan {
    pub(crate) interval: Duration,
    /// `None`: until the program ends.
    pub(crate) count: Option<u64>,
    pub(crate) rows: usize,
}

/// Prints a table each interval. The program is only read, so it is neither stopped nor slowed.
pub(crate) fn watch(segment: &Path, plan: &Plan) -> Result<(), Diagnostic> {
    let read = || read_segment(segment).map_err(|error| format!("{}: {error}", segment.display()));
    let mut before = read()?;
    let mut turn = 0;
    while plan.count.is_none_or(|count| turn < count) {
        let began = Instant::now();
        thread::sleep(plan.interval);
        let is_running = profile_core::runs::of_process(before.process.process_id).is_some();
        let Ok(now) = read() else { break };
        print(&before, &now, began.elapsed(), plan.rows)?;
        before = now;
        turn += 1;
        if !is_running {
            break;
        }
    }
    Ok(())
}

fn print(
    before: &Snapshot,
    now: &Snapshot,
    elapsed: Duration,
    rows: usize,
) -> Result<(), Diagnostic> {
    let clear = if io::stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };
    let process = &now.process;
    let head = format!(
        "{} ({}), {:.1} s after its start, the last {:.1} s\n",
        process.program,
        process.process_id,
        process.duration_ns as f64 / 1e9,
        elapsed.as_secs_f64(),
    );
    output::print(format!("{clear}{head}{}\n", table(before, now, elapsed, rows)).as_bytes())
}

/// What one function did in an interval.
struct Done<'a> {
    function: &'a Function,
    calls: u64,
    total_ns: u64,
    self_ns: u64,
    allocations: u64,
}

impl Done<'_> {
    fn between<'a>(before: Option<&Function>, now: &'a Function) -> Done<'a> {
        let less =
            |figure: fn(&Function) -> u64| figure(now).saturating_sub(before.map_or(0, figure));
        Done {
            function: now,
            calls: less(|function| function.calls),
            total_ns: less(|function| function.inclusive_ns),
            self_ns: less(|function| function.exclusive_ns),
            allocations: less(|function| function.allocations.unwrap_or(0)),
        }
    }
}

/// Functions that did something, by their own time.
fn table(before: &Snapshot, now: &Snapshot, elapsed: Duration, rows: usize) -> String {
    let known: HashMap<_, _> = before.functions.iter().map(|it| (identity(it), it)).collect();
    let done = |now| Done::between(known.get(&identity(now)).copied(), now);
    let mut done: Vec<_> = now.functions.iter().map(done).collect();
    done.retain(|it| it.calls > 0 || it.self_ns > 0);
    done.sort_by_key(|it| std::cmp::Reverse(it.self_ns));
    let head = ["SELF", "TOTAL", "CALLS/s", "ALLOCATIONS/s", "FUNCTION"].map(str::to_owned);
    let seconds = elapsed.as_secs_f64();
    let row = |it: &Done<'_>| {
        let ms = |ns: u64| format!("{:.1} ms", ns as f64 / 1e6);
        let rate = |count: u64| format!("{:.0}", count as f64 / seconds);
        [
            ms(it.self_ns),
            ms(it.total_ns),
            rate(it.calls),
            rate(it.allocations),
            it.function.path.clone(),
        ]
    };
    let listed = done.iter().take(rows).map(row);
    let rows: Vec<_> = std::iter::once(head).chain(listed).collect();
    aligned(&rows, rows[0].len() - 1)
}

/// Distinguishes functions of the same name.
fn identity(function: &Function) -> (&str, &str, u32, u32) {
    (&function.path, &function.file, function.line, function.column)
}
