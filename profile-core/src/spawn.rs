//! Ready ways of handing work on with its context: what the standard library, and with a feature
//! tokio and rayon, offer, with [`context`](crate::context) already entered on the other side.

/// Threads of the standard library.
pub mod thread {
    use std::thread::{JoinHandle, Scope, ScopedJoinHandle};

    /// As [`std::thread::spawn`]; what the thread does is charged to the function that calls this.
    ///
    /// # Panics
    /// The system cannot start a thread.
    pub fn spawn<F, T>(work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        std::thread::spawn(crate::context().wrap(work))
    }

    /// Scopes of [`std::thread::scope`].
    pub trait ScopeExt<'scope> {
        /// As [`Scope::spawn`]; what the thread does is charged to the function that calls this.
        ///
        /// ```
        /// use profile_core::thread::ScopeExt as _;
        ///
        /// let sum = std::thread::scope(|scope| scope.spawn_here(|| 1 + 2).join());
        /// assert_eq!(sum.ok(), Some(3));
        /// ```
        ///
        /// # Panics
        /// The system cannot start a thread.
        fn spawn_here<F, T>(&'scope self, work: F) -> ScopedJoinHandle<'scope, T>
        where
            F: FnOnce() -> T + Send + 'scope,
            T: Send + 'scope;
    }

    impl<'scope> ScopeExt<'scope> for Scope<'scope, '_> {
        fn spawn_here<F, T>(&'scope self, work: F) -> ScopedJoinHandle<'scope, T>
        where
            F: FnOnce() -> T + Send + 'scope,
            T: Send + 'scope,
        {
            self.spawn(crate::context().wrap(work))
        }
    }
}

/// Tasks of tokio. With the feature `tokio`.
#[cfg(feature = "tokio")]
pub mod tokio {
    use std::future::Future;

    use ::tokio::task::JoinHandle;

    /// As [`tokio::spawn`](::tokio::spawn); what the task does is charged to the function that
    /// calls this.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        ::tokio::spawn(crate::context().follow(future))
    }

    /// As [`tokio::task::spawn_blocking`](::tokio::task::spawn_blocking), likewise.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        ::tokio::task::spawn_blocking(crate::context().wrap(work))
    }
}

/// Work for rayon's pool. With the feature `rayon`.
///
/// For parallel iterators enter a context in the closure:
/// `let context = profile_core::context(); items.par_iter().for_each(|item| context.run(|| work(item)))`.
#[cfg(feature = "rayon")]
pub mod rayon {
    /// As [`rayon::join`](rayon_core::join); whichever threads do the work, it is charged to the
    /// function that calls this.
    pub fn join<A, B, X, Y>(a: A, b: B) -> (X, Y)
    where
        A: FnOnce() -> X + Send,
        B: FnOnce() -> Y + Send,
        X: Send,
        Y: Send,
    {
        let context = crate::context();
        rayon_core::join(context.wrap(a), context.wrap(b))
    }

    /// As [`rayon::spawn`](rayon_core::spawn), likewise.
    pub fn spawn<F: FnOnce() + Send + 'static>(work: F) {
        rayon_core::spawn(crate::context().wrap(work));
    }
}
