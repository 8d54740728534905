//! The contenders, in the order of the table.

/// A row of the table.
pub(crate) struct Entry {
    /// Features of the build, the key of [`crate::build::all`].
    pub(crate) features: &'static str,
    /// Its name in that build.
    pub(crate) name: &'static str,
    /// Its name in the table.
    pub(crate) label: &'static str,
    /// Whether it records into a file.
    pub(crate) file: bool,
}

pub(crate) const OURS: &str = "contender,ours";
pub(crate) const ALLOCATOR: &str = "contender,ours-allocator";
pub(crate) const COUNTED: &str = "contender,ours-counted";
pub(crate) const OFF: &str = "contender";
pub(crate) const PEERS: &str = "contender,peers";
pub(crate) const TRACY: &str = "contender,tracy";
pub(crate) const HOTPATH_ALLOC: &str = "contender,hotpath-alloc";
/// Builds of the program `contender`.
pub(crate) const BUILDS: [&str; 7] = [OURS, ALLOCATOR, COUNTED, OFF, PEERS, TRACY, HOTPATH_ALLOC];

const fn entry(features: &'static str, name: &'static str, label: &'static str) -> Entry {
    Entry { features, name, label, file: false }
}

pub(crate) const FLOOR: &str = "two raw clock reads (the floor)";
pub(crate) const EXACT: &str = "**profile**, exact";
pub(crate) const WITH_ALLOCATOR: &str = "**profile**, exact, allocator installed";
pub(crate) const BUDGETED: &str = "**profile**, 1 call in 64 timed";
pub(crate) const FILE: &str = "**profile**, exact, into a file";
pub(crate) const PROFILE_OFF: &str = "**profile**, feature off";

pub(crate) const ROSTER: [Entry; 18] = [
    entry(OURS, "tsc", FLOOR),
    entry(OURS, "instant", "two `Instant::now`"),
    entry(OURS, "default", "**profile**, by default"),
    entry(OURS, "exact", EXACT),
    entry(ALLOCATOR, "exact", WITH_ALLOCATOR),
    Entry { features: OURS, name: "exact", label: FILE, file: true },
    entry(OURS, "budgeted", BUDGETED),
    entry(OURS, "disabled", "**profile**, switched off at run time"),
    entry(OFF, "off", PROFILE_OFF),
    entry(PEERS, "time-graph", "time-graph 0.3 (no histogram)"),
    entry(PEERS, "hotpath", "hotpath 0.30, time"),
    entry(HOTPATH_ALLOC, "hotpath", "hotpath 0.30, alloc"),
    entry(PEERS, "fastrace", "fastrace 0.7"),
    entry(TRACY, "tracy", "tracy-client 0.19"),
    entry(PEERS, "prometheus", "prometheus 0.14, `start_timer`"),
    entry(PEERS, "puffin", "puffin 0.20"),
    entry(PEERS, "metrics", "metrics 0.24, histogram"),
    entry(PEERS, "tracing", "tracing 0.1, a layer that times spans"),
];
