//! The annotated functions at run time: listing them, and settings for each.

use super::capture::captured;
use super::pattern::matches;
use super::signals::report_on_signals;
use super::start::{read_whole_run, sample_processors, start};
use crate::callsite::{self, CallSite, Mode};
use crate::record::thread::for_caller;
use crate::record::{sites, sizes};
use crate::settings::{self, Settings};

/// Every annotated function and span of the program, called or not, by path.
///
/// ```
/// # #[cfg(feature = "profile")] {
/// #[profile_core::profile]
/// fn rarely() {}
///
/// let found = profile_core::functions().iter().any(|site| site.name() == "rarely");
/// assert!(found);
/// # }
/// ```
#[must_use]
pub fn functions() -> Vec<&'static CallSite> {
    for_caller(|| {
        let mut sites: Vec<_> = callsite::linked().collect();
        sites.sort_by_cached_key(|site| (site.path(), site.file(), site.line()));
        sites
    })
}

/// The annotated function whose path is `path` or ends in `::path`; the first by path if several
/// do.
#[must_use]
pub fn find(path: &str) -> Option<&'static CallSite> {
    let is_it = |site: &&CallSite| crate::snapshot::is_path(&site.path(), path);
    for_caller(|| functions().into_iter().find(is_it))
}

/// The annotated functions whose path matches a pattern, in which `*` stands for any text.
///
/// ```
/// for site in profile_core::find_all("shop::cart::*") {
///     site.set_enabled(false);
/// }
/// ```
#[must_use]
pub fn find_all(pattern: &str) -> Vec<&'static CallSite> {
    let is_one = |site: &&CallSite| matches(pattern, &site.path());
    for_caller(|| functions().into_iter().filter(is_one).collect())
}

impl Settings {
    /// Makes these settings current, from now on and for the report at exit.
    pub fn apply(self) {
        sites::set_budget(settings::choose(self));
        report_on_signals();
        sizes::want(settings::current().block_sizes);
        read_whole_run();
        sample_processors();
    }
}

impl CallSite {
    /// Whether its calls are recorded.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.mode() != Mode::OFF
    }

    /// Switches recording of its calls on or off, from the next call on.
    pub fn set_enabled(&'static self, enabled: bool) {
        sites::set_enabled(self, enabled);
    }

    /// Sets a budget for its calls, from the next call on. `None` restores that of its attribute or
    /// of the run.
    ///
    /// ```
    /// # #[cfg(feature = "profile")]
    /// for site in profile_core::find_all("parser::*") {
    ///     site.set_budget(Some(profile_core::Budget::OneIn(64)));
    /// }
    /// ```
    pub fn set_budget(&self, budget: Option<settings::Budget>) {
        sites::set_budget_of(self, budget);
    }

    /// Its current statistics; `None` if it was not called.
    #[must_use]
    pub fn statistics(&self) -> Option<crate::snapshot::Function> {
        start();
        for_caller(|| {
            let (snapshot, _) = captured();
            snapshot.functions.into_iter().find(|function| function.is_of(self))
        })
    }
}
