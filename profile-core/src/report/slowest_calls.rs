//! The sections of the table on single calls: the slowest ones of a function, and those that
//! allocated most.

use super::page::Page;
use super::text::safe_and_short as safe;
use crate::snapshot::{Call, Function};
use crate::units;

/// Expects the functions in the order of the table.
pub(crate) fn section(functions: &[&Function], page: &mut Page) {
    for function in functions {
        list("slowest calls", function, &function.slowest, page);
        list("calls that allocated most", function, &function.most_allocating, page);
    }
}

fn list(what: &str, function: &Function, calls: &[Call], page: &mut Page) {
    if calls.is_empty() {
        return;
    }
    page.blank();
    page.bold(&format!("{what} of {}", safe(&function.path)));
    calls.iter().for_each(|call| page.item(&one(call)));
}

/// `12.3 ms, 3 allocations, 1.20 KiB; from a::main at 1.20 s in thread main (4711): n = 3`
fn one(call: &Call) -> String {
    let mut parts = Vec::new();
    parts.extend(call.duration_ns.map(units::duration));
    if call.allocations > 0 {
        let allocations = units::count(call.allocations);
        parts.push(format!("{allocations} allocations, {}", units::bytes(call.allocated_bytes)));
    }
    let mut line = parts.join(", ");
    let caller = if call.caller.is_empty() { "no annotated function" } else { &call.caller };
    line.push_str(&format!("; from {}", safe(caller)));
    if let Some(started) = call.started_ns {
        line.push_str(&format!(" at {}", units::duration(started)));
    }
    line.push_str(&format!(" in thread {} ({})", safe(&call.thread), call.thread_id));
    if !call.arguments.is_empty() {
        line.push_str(&format!(": {}", safe(&call.arguments)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use crate::snapshot::Call;

    #[test]
    fn a_call_has_its_circumstances_on_one_line() {
        let mut snapshot = samples::ordinary();
        snapshot.functions[0].slowest = vec![Call {
            arguments: "url = \"\u{1b}[2J\"".to_owned(),
            duration_ns: Some(12_300_000),
            started_ns: Some(1_200_000_000),
            allocations: 3,
            allocated_bytes: 1229,
            thread_id: 4711,
            thread: "worker".to_owned(),
            ..Call::default()
        }];
        let text = samples::rendered("table", &snapshot, None);
        let (_, section) = text.split_once("\nslowest calls of main\n").expect("a section");
        assert_eq!(
            section.lines().next(),
            Some(
                "  12.3 ms, 3 allocations, 1.20 KiB; from no annotated function at 1.20 s in thread worker (4711): \
                 url = \"\\u{1b}[2J\""
            )
        );
        assert!(!text.contains("calls that allocated most"), "{text}");
    }
}
