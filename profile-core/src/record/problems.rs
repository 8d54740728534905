//! Problems found while recording, for the report. The session collects them at the end.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::thread::Suspended;
use crate::segment::layout::Edge;

/// The first general problem, and the first span with each kind of problem.
static FIRST: OnceLock<Cow<'static, str>> = OnceLock::new();
static SPANS: [OnceLock<String>; 3] = [const { OnceLock::new() }; 3];

/// Reports a problem; only the first one is stored.
pub(super) fn report(sentence: impl Into<Cow<'static, str>>) {
    let _ = FIRST.set(sentence.into());
}

/// The kinds of problems of a span.
#[derive(Clone, Copy)]
pub(super) enum Problem {
    /// Its guard was still held when a poll ended.
    HeldGuard,
    /// A future waited in it, and a span of another task was open when it closed.
    Waiting,
    /// It closed below more open spans than are searched.
    Crowd,
}

impl Problem {
    fn sentence(self, path: &str) -> String {
        match self {
            Problem::HeldGuard => format!(
                "the guard of `{path}` was held across an .await: its span ends with the poll, \
                 and its calls are not exact"
            ),
            Problem::Waiting => format!(
                "the guard of `{path}` was open while a future waited, as if held across an .await: \
                 what other tasks did meanwhile is in its time"
            ),
            Problem::Crowd => format!(
                "`{path}` closed while more than a thousand spans that opened later were open: \
                 the call tree shows all of these below it"
            ),
        }
    }
}

/// Reports a problem of a span by its path. Formatted once for each kind, in the recorder's own
/// frame, so that the cost is not attributed to the measured function.
#[cold]
pub(super) fn report_span(what: Problem, edge: &Edge) {
    let known = &SPANS[what as usize];
    // SAFETY: null, or a static.
    let site = unsafe { edge.site.get().as_ref() };
    if let Some(site) = site.filter(|_| known.get().is_none()) {
        let _own = Suspended::new();
        let _ = known.set(what.sentence(&site.path()));
    }
}

/// All problems found.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    let first = FIRST.get().map(|sentence| &**sentence);
    first.into_iter().chain(SPANS.iter().filter_map(|it| it.get().map(String::as_str)))
}
