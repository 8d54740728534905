// Shapes that only edition 2024 has, or that mean something else in it. See `common.rs`.

pub mod tail_temporary {
    use std::cell::RefCell;
    // An error in 2021: the borrow would outlive `cell`.
    #[profile]
    pub fn f() -> usize {
        let cell = RefCell::new(String::from("ab"));
        cell.borrow().len()
    }
    #[profile]
    pub async fn g() -> usize {
        let cell = RefCell::new(String::from("ab"));
        crate::pause().await;
        cell.borrow().len()
    }
    pub fn check() {
        assert_eq!(f() + crate::block_on(g()), 4);
    }
}

pub mod captures {
    #[profile]
    pub fn f(words: &[String]) -> impl Iterator<Item = usize> {
        words.iter().map(String::len)
    }
    #[profile]
    pub fn g<'a>(n: &'a u8, _: &str) -> impl Fn() -> u8 + use<'a> {
        move || *n
    }
    pub fn check() {
        assert_eq!(f(&[String::from("a")]).sum::<usize>(), 1);
        assert_eq!(g(&1, "")(), 1);
    }
}

pub mod let_chain {
    #[profile]
    pub fn f(n: Option<u8>) -> u8 {
        if let Some(it) = n
            && it > 1
        {
            return it;
        }
        0
    }
    pub fn check() {
        assert_eq!(f(Some(2)) + f(Some(1)), 2);
    }
}

pub mod async_closure {
    #[profile]
    pub async fn f(g: impl AsyncFn(u8) -> u8) -> u8 {
        g(1).await
    }
    #[profile]
    pub fn h() -> impl Future<Output = u8> {
        let n = 1;
        async move { f(async |it| it + n).await }
    }
    pub fn check() {
        assert_eq!(crate::block_on(h()), 2);
    }
}

pub mod unsafe_attributes {
    #[profile]
    #[unsafe(export_name = "profile_shape_of_2024")]
    pub extern "C" fn f() -> u8 {
        1
    }
    pub fn check() {
        assert_eq!(f(), 1);
    }
}

pub mod if_let_rescope {
    use std::sync::RwLock;
    #[profile]
    pub fn f(lock: &RwLock<Option<u8>>) -> u8 {
        if let Some(it) = *lock.read().unwrap() {
            it
        } else {
            *lock.write().unwrap() = Some(1);
            0
        }
    }
    pub fn check() {
        assert_eq!(f(&RwLock::new(None)), 0);
    }
}

pub mod never_fallback {
    #[profile]
    pub async fn never_exits() {
        std::process::exit(1)
    }
    #[profile]
    pub async fn f(n: u8) -> Result<(), ()> {
        if n > 0 {
            Err(())?;
        }
        Ok(())
    }
    pub fn check() {
        assert!(crate::block_on(f(1)).is_err());
    }
}

pub mod return_position_in_trait {
    pub trait T {
        #[profile]
        fn later(&self) -> impl Future<Output = u8> + Send {
            async { 1 }
        }
        #[profile]
        fn all(&self) -> impl Iterator<Item = u8> {
            std::iter::once(1)
        }
    }
    impl T for u8 {}
    pub fn check() {
        assert_eq!(crate::block_on(1_u8.later()) + 1_u8.all().sum::<u8>(), 2);
    }
}
