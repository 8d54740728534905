//! The contenders, one file each. All time the same empty function as their documentation
//! recommends, and report how many calls they recorded.

#[cfg(feature = "peers")]
mod fastrace;
#[cfg(any(feature = "hotpath-time", feature = "hotpath-alloc"))]
mod hotpath;
mod instant;
#[cfg(feature = "peers")]
mod metrics;
#[cfg(not(feature = "ours"))]
mod off;
#[cfg(feature = "ours")]
mod ours;
#[cfg(feature = "peers")]
mod prometheus;
#[cfg(feature = "peers")]
mod puffin;
#[cfg(feature = "peers")]
mod time_graph;
#[cfg(feature = "peers")]
mod tracing;
#[cfg(feature = "tracy")]
mod tracy;

use crate::contender::Contender;

/// All in this build.
pub(crate) fn all() -> Vec<Contender> {
    let mut all = vec![instant::tsc(), instant::instant()];
    #[cfg(not(feature = "ours"))]
    all.push(off::contender());
    #[cfg(feature = "ours")]
    all.extend([ours::exact(), ours::by_default(), ours::budgeted(), ours::disabled()]);
    #[cfg(any(feature = "hotpath-time", feature = "hotpath-alloc"))]
    all.push(hotpath::contender());
    #[cfg(feature = "peers")]
    all.extend([
        fastrace::contender(),
        metrics::contender(),
        prometheus::contender(),
        puffin::contender(),
        time_graph::contender(),
        tracing::contender(),
    ]);
    #[cfg(feature = "tracy")]
    all.push(tracy::contender());
    all
}
