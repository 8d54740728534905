use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Runs a future to its end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Polls a future once and drops it.
pub fn poll_once<F: Future>(future: F) {
    let mut future = Box::pin(future);
    drop(future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
}

/// Is pending once.
pub fn pause() -> Pause {
    Pause(false)
}

/// See [`pause`].
#[derive(Debug)]
#[must_use]
pub struct Pause(bool);

impl Future for Pause {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
