//! Functions that spawn work with its context: counterparts of those of the standard library and,
//! with a feature, of tokio and rayon, which enter the current [`context`](crate::context) in the
//! spawned work.

/// Threads of the standard library.
pub mod thread {
    use std::thread::{JoinHandle, Scope, ScopedJoinHandle};

    /// Like [`std::thread::spawn`]; attributes what the thread does to the calling function.
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

    /// Extends the scopes of [`std::thread::scope`].
    pub trait ScopeExt<'scope> {
        /// Like [`Scope::spawn`]; attributes what the thread does to the calling function.
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

    /// Like [`tokio::spawn`](::tokio::spawn); attributes what the task does to the calling
    /// function.
    ///
    /// # Panics
    /// Called outside of a runtime.
    pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        ::tokio::spawn(crate::context().follow(future))
    }

    /// Like [`tokio::task::spawn_blocking`](::tokio::task::spawn_blocking); attributes what the
    /// work does to the calling function.
    ///
    /// # Panics
    /// Called outside of a runtime.
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
/// For parallel iterators enter a context in the closure, after
/// `let context = profile_core::context();`:
/// `items.par_iter().for_each(|item| context.run(|| work(item)))`.
#[cfg(feature = "rayon")]
pub mod rayon {
    /// Like [`rayon::join`](rayon_core::join); attributes the work to the calling function,
    /// whichever threads do it.
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

    /// Like [`rayon::spawn`](rayon_core::spawn); attributes the work to the calling function.
    pub fn spawn<F: FnOnce() + Send + 'static>(work: F) {
        rayon_core::spawn(crate::context().wrap(work));
    }
}
