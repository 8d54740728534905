//! `raise`: a function that exceeded a limit returns that as its own error, if the filters turn it
//! into an error.
//!
//! Its value is checked here before the call ends. A call that itself returns an error keeps that
//! error, and the limits that it exceeded are emitted.

#![allow(unsafe_code, reason = "pins a future in its wrapper")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::limits;
use crate::callsite::CallSite;
use crate::record::SpanGuard;
use crate::record::checks::Since;
use crate::warnings::RaisedWarning;

/// A return type that a raised warning can replace.
#[diagnostic::on_unimplemented(
    message = "`raise` needs a function that returns a `Result` whose error can be made from a `RaisedWarning`, not `{Self}`",
    label = "no `Result<_, E>` with `E: From<RaisedWarning>`",
    note = "write `impl From<profile_core::warnings::RaisedWarning> for` its error"
)]
pub trait Raising {
    /// Whether it is not an error already.
    fn is_ok(&self) -> bool;
    /// The error.
    fn of(raised: RaisedWarning) -> Self;
}

impl<T, E: From<RaisedWarning>> Raising for Result<T, E> {
    fn is_ok(&self) -> bool {
        self.is_ok()
    }

    fn of(raised: RaisedWarning) -> Result<T, E> {
        Err(raised.into())
    }
}

/// The value of a call, or an error if the call exceeded a limit.
pub fn raised<T: Raising>(value: T, call: &SpanGuard) -> T {
    if !value.is_ok() {
        return value;
    }
    limits::check_before_return(call).map_or(value, T::of)
}

/// A future whose value is checked by [`raised`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct RaisingFuture<F> {
    inner: F,
    site: &'static CallSite,
    since: Option<Since>,
}

/// Wraps the block of an async function.
pub fn raising_future<F>(site: &'static CallSite, inner: F) -> RaisingFuture<F> {
    RaisingFuture { inner, site, since: None }
}

impl<F: Future<Output: Raising>> Future for RaisingFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `inner` is pinned with `self` and never moved out; the others are never pinned.
        let (inner, site, since) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.inner), this.site, &mut this.since)
        };
        let since = *since.get_or_insert_with(Since::now);
        let outcome = inner.poll(context);
        outcome.map(|value| {
            if site.limits().is_none() || !value.is_ok() {
                return value;
            }
            limits::check_before_last_poll_ends(site, since.ns()).map_or(value, F::Output::of)
        })
    }
}
