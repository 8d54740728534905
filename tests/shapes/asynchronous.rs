// Shapes of functions that return futures. See `common.rs`.

pub mod simple {
    #[profile]
    pub async fn f(n: u8) -> u8 {
        crate::pause().await;
        n + 1
    }
    #[profile]
    pub async fn g() {}
    pub fn check() {
        assert_eq!(crate::block_on(f(1)), 2);
        crate::block_on(g());
    }
}

pub mod generic {
    use std::fmt::Display;
    #[profile]
    pub async fn f<T: Display, const N: usize>(all: [T; N]) -> String
    where
        T: Clone,
    {
        let mut text = String::new();
        for it in &all {
            crate::pause().await;
            text += &it.to_string();
        }
        text
    }
    pub fn check() {
        assert_eq!(crate::block_on(f([1, 2])), "12");
    }
}

pub mod by_reference {
    #[profile]
    pub async fn f(text: &str) -> &str {
        crate::pause().await;
        text.trim()
    }
    #[profile]
    pub async fn g<'a>(all: &'a mut Vec<u8>, _: &str) -> &'a mut u8 {
        crate::pause().await;
        &mut all[0]
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(" a ")), "a");
        *crate::block_on(g(&mut vec![1], "")) += 1;
    }
}

pub mod methods {
    pub struct S(u8);
    impl S {
        #[profile]
        pub async fn by_ref(&self) -> &u8 {
            crate::pause().await;
            &self.0
        }
        #[profile]
        pub async fn by_mut(&mut self) -> &mut Self {
            self.0 += 1;
            crate::pause().await;
            self
        }
        #[profile]
        pub async fn by_value(mut self) -> u8 {
            self.0 += 1;
            self.0
        }
        #[profile]
        pub async fn make() -> Self {
            Self(1)
        }
    }
    pub fn check() {
        crate::block_on(async {
            let mut s = S::make().await;
            assert_eq!(*s.by_mut().await.by_ref().await, 2);
            assert_eq!(s.by_value().await, 3);
        });
    }
}

pub mod question_mark {
    use std::error::Error;
    #[profile]
    pub async fn f(text: &str) -> Result<u8, Box<dyn Error + Send + Sync>> {
        if text.is_empty() {
            return Err("empty".into());
        }
        crate::pause().await;
        Ok(text.parse::<u8>()?)
    }
    #[profile]
    pub async fn g(text: &str) -> Option<u8> {
        let first = text.chars().next()?;
        Some(first.to_digit(10)? as u8)
    }
    pub fn check() {
        assert!(crate::block_on(f("")).is_err() && crate::block_on(f("x")).is_err());
        assert_eq!(crate::block_on(f("1")).unwrap(), 1);
        assert_eq!(crate::block_on(g("1")), Some(1));
    }
}

pub mod question_mark_last {
    use std::io;
    #[profile]
    pub async fn f(n: u8) -> io::Result<()> {
        Err::<(), _>(io::ErrorKind::Other)?;
        if n == 0 {
            Err(io::ErrorKind::NotFound)?
        }
        Ok(())
    }
    pub fn check() {
        assert!(crate::block_on(f(0)).is_err());
    }
}

pub mod early_return {
    #[profile]
    pub async fn f(n: u8) -> u8 {
        if n == 0 {
            return 0;
        }
        for it in 0..n {
            if it == 3 {
                return it;
            }
            crate::pause().await;
        }
        n
    }
    #[profile]
    pub async fn g(n: u8) {
        if n == 0 {
            return;
        }
        crate::pause().await
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(0)) + crate::block_on(f(9)), 3);
        crate::block_on(g(0));
        crate::block_on(g(1));
    }
}

pub mod coercion {
    use std::fmt::Display;
    #[profile]
    pub async fn boxed(n: u8) -> Box<dyn Display> {
        if n == 0 {
            return Box::new("none");
        }
        Box::new(n)
    }
    #[profile]
    pub async fn borrowed<T: Display>(value: &T) -> &dyn Display {
        value
    }
    #[profile]
    pub async fn pointer() -> fn(u8) -> u8 {
        |it| it + 1
    }
    #[profile]
    pub async fn slice(array: &[u8; 2]) -> &[u8] {
        array
    }
    #[profile]
    pub async fn closure(n: u8) -> Box<dyn Fn(&str) -> usize> {
        Box::new(move |it| it.len() + usize::from(n))
    }
    pub fn check() {
        let text = format!("{}{}", crate::block_on(boxed(1)), crate::block_on(borrowed(&2)));
        assert_eq!(text, "12");
        assert_eq!(crate::block_on(pointer())(1), 2);
        assert_eq!(crate::block_on(slice(&[1, 2])).len(), 2);
        assert_eq!(crate::block_on(closure(1))("a"), 2);
    }
}

pub mod inference {
    #[profile]
    pub async fn collected() -> Vec<u8> {
        (0..3).collect()
    }
    #[profile]
    pub async fn parsed(text: &str) -> Result<u16, std::num::ParseIntError> {
        text.parse()
    }
    #[profile]
    pub async fn defaulted() -> (u8, String) {
        Default::default()
    }
    #[profile]
    pub async fn converted(text: &str) -> String {
        text.into()
    }
    pub fn check() {
        assert_eq!(crate::block_on(collected()).len(), 3);
        assert_eq!(crate::block_on(parsed("1")), Ok(1));
        assert_eq!(crate::block_on(defaulted()).0, 0);
        assert_eq!(crate::block_on(converted("a")), "a");
    }
}

pub mod impl_return {
    use std::fmt::Display;
    #[profile]
    pub async fn f(n: u8) -> impl Iterator<Item = u8> {
        (0..n).map(|it| it * 2)
    }
    #[profile]
    pub async fn g(n: u8) -> Result<impl Display, Box<dyn std::error::Error>> {
        if n == 0 {
            Err("zero")?;
        }
        Ok(n)
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(3)).sum::<u8>(), 6);
        assert_eq!(crate::block_on(g(3)).unwrap().to_string(), "3");
    }
}

pub mod impl_argument {
    #[profile]
    pub async fn f(all: impl IntoIterator<Item = u8>, g: impl Fn(u8) -> u8) -> u8 {
        all.into_iter().map(g).sum()
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(vec![1, 2], |it| it)), 3);
    }
}

pub mod never {
    #[profile]
    pub async fn never_ends() -> ! {
        loop {
            crate::pause().await;
        }
    }
    #[profile]
    pub async fn panics() -> u8 {
        crate::pause().await;
        panic!("as it should")
    }
    #[profile]
    pub async fn never_returns() {
        loop {
            crate::pause().await;
        }
    }
    #[profile]
    pub async fn todo() -> impl Iterator<Item = u8> {
        if true {
            unimplemented!()
        }
        std::iter::empty()
    }
    pub fn check() {
        assert!(std::panic::catch_unwind(|| crate::block_on(panics())).is_err());
        assert!(std::panic::catch_unwind(|| crate::block_on(todo()).count()).is_err());
    }
}

pub mod uninhabited {
    use std::convert::Infallible;
    #[profile]
    pub async fn f() -> Infallible {
        panic!("as it should")
    }
    #[profile]
    pub async fn g() -> Result<u8, Infallible> {
        Ok(1)
    }
    pub fn check() {
        assert!(std::panic::catch_unwind(|| crate::block_on(f())).is_err());
        assert_eq!(crate::block_on(g()), Ok(1));
    }
}

pub mod patterns {
    #[profile]
    pub async fn f((a, b): (u8, u8), mut c: u8, [d, ..]: [u8; 2], _: u8) -> u8 {
        c += 1;
        crate::pause().await;
        a + b + c + d
    }
    #[profile]
    pub async fn g(mut text: String, more: &mut String) -> String {
        text.push('a');
        more.push('b');
        text
    }
    pub fn check() {
        assert_eq!(crate::block_on(f((1, 1), 1, [1, 0], 0)), 5);
        assert_eq!(crate::block_on(g(String::new(), &mut String::new())), "a");
    }
}

pub mod leading_items {
    #[profile]
    pub async fn f() -> u8 {
        #![allow(unused_variables)]
        //! From within.
        use std::convert::identity;
        const N: u8 = 1;
        struct Local(u8);
        let unused = 1;
        crate::pause().await;
        identity(Local(N).0)
    }
    pub fn check() {
        assert_eq!(crate::block_on(f()), 1);
    }
}

pub mod leading_shadow {
    pub struct Out(u8);
    #[profile]
    pub async fn f() -> Out {
        #[allow(dead_code)]
        struct Option;
        fn made() -> super::leading_shadow::Out {
            super::leading_shadow::Out(1)
        }
        made()
    }
    pub fn check() {
        assert_eq!(crate::block_on(f()).0, 1);
    }
}

pub mod send {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    fn is_static<T: 'static>(it: T) -> T {
        it
    }
    #[profile]
    pub async fn f(text: String) -> usize {
        crate::pause().await;
        text.len()
    }
    #[profile]
    pub async fn cell(cell: std::cell::Cell<u8>) -> u8 {
        cell.set(2);
        crate::pause().await;
        cell.get()
    }
    #[profile]
    pub async fn generic<T: Send + Sync>(it: &T) -> &T {
        crate::pause().await;
        it
    }
    #[profile]
    pub async fn calls() -> usize {
        f(String::from("ab")).await + *generic(&1).await
    }
    #[profile]
    pub async fn boxed() -> Result<Box<dyn std::error::Error + Send + Sync>, std::rc::Rc<u8>> {
        Ok("a".into())
    }
    pub fn check() {
        assert_eq!(crate::block_on(is_static(is_send(calls()))), 3);
        assert_eq!(crate::block_on(is_send(cell(std::cell::Cell::new(1)))), 2);
        assert!(crate::block_on(boxed()).is_ok());
    }
}

pub mod not_send {
    use std::rc::Rc;
    #[profile]
    pub async fn f(n: Rc<u8>) -> u8 {
        crate::pause().await;
        *n
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(Rc::new(1))), 1);
    }
}

pub mod recursion {
    use std::future::Future;
    use std::pin::Pin;
    #[profile]
    pub async fn f(n: u8) -> u8 {
        if n == 0 {
            0
        } else {
            1 + Box::pin(f(n - 1)).await
        }
    }
    #[profile]
    pub fn g(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
        Box::pin(async move {
            if n == 0 {
                return 0;
            }
            1 + g(n - 1).await
        })
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(3)) + crate::block_on(g(3)), 6);
    }
}

pub mod returns_future {
    use std::future::Future;
    #[profile]
    pub fn f(n: u8) -> impl Future<Output = u8> + Send {
        async move {
            crate::pause().await;
            n
        }
    }
    #[profile]
    pub fn g<'a>(text: &'a str) -> impl Future<Output = usize> + 'a {
        let trimmed = text.trim();
        async move { trimmed.len() }
    }
    #[profile]
    pub fn h() -> impl Future<Output = Result<u8, std::num::ParseIntError>> {
        async { Ok("1".parse::<u8>()? + 1) }
    }
    #[profile]
    pub fn made_elsewhere() -> impl Future<Output = u8> {
        std::future::ready(1)
    }
    #[profile]
    pub fn unit() -> impl Future<Output = ()> {
        async {}
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(1)), 1);
        assert_eq!(crate::block_on(g(" a ")), 1);
        assert_eq!(crate::block_on(h()), Ok(2));
        assert_eq!(crate::block_on(made_elsewhere()), 1);
        crate::block_on(unit());
    }
}

pub mod returns_boxed_future {
    use std::future::Future;
    use std::pin::Pin;
    type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    #[profile]
    pub fn f(text: &str) -> Boxed<'_, usize> {
        Box::pin(async move {
            crate::pause().await;
            text.len()
        })
    }
    #[profile]
    pub fn g(n: u8) -> Boxed<'static, Result<u8, String>> {
        if n == 0 {
            return Box::pin(std::future::ready(Err(String::new())));
        }
        std::boxed::Box::pin(async move { Ok(n) })
    }
    pub fn check() {
        assert_eq!(crate::block_on(f("a")), 1);
        assert_eq!(crate::block_on(g(1)), Ok(1));
        assert!(crate::block_on(g(0)).is_err());
    }
}

pub mod async_trait_above {
    #[async_trait::async_trait]
    pub trait T {
        async fn required(&self, text: &str) -> Result<u8, String>;
        #[profile]
        async fn provided(&self) -> u8 {
            self.required("1").await.unwrap_or(0)
        }
    }
    pub struct S(u8);
    #[async_trait::async_trait]
    impl T for S {
        #[profile]
        async fn required(&self, text: &str) -> Result<u8, String> {
            crate::pause().await;
            let n: u8 = text.parse().map_err(|_| String::new())?;
            Ok(self.0 + n)
        }
    }
    pub fn check() {
        assert_eq!(crate::block_on(S(1).provided()), 2);
    }
}

pub mod async_trait_below {
    #[profile]
    #[async_trait::async_trait]
    pub trait T {
        async fn required(&self, text: &str) -> Result<u8, String>;
        async fn provided(&self) -> u8 {
            self.required("1").await.unwrap_or(0)
        }
    }
    pub struct S(u8);
    #[profile]
    #[async_trait::async_trait]
    impl T for S {
        async fn required(&self, text: &str) -> Result<u8, String> {
            crate::pause().await;
            Ok(self.0 + text.parse::<u8>().map_err(|_| String::new())?)
        }
    }
    #[async_trait::async_trait]
    #[profile]
    impl T for u8 {
        async fn required(&self, text: &str) -> Result<u8, String> {
            crate::pause().await;
            Ok(*self + text.parse::<u8>().map_err(|_| String::new())?)
        }
    }
    pub fn check() {
        assert_eq!(crate::block_on(S(1).provided()), 2);
        assert_eq!(crate::block_on(1_u8.provided()), 2);
    }
}

pub mod async_trait_local {
    #[async_trait::async_trait(?Send)]
    pub trait T {
        #[profile]
        async fn f<'a>(&'a mut self, text: &'a str) -> &'a str
        where
            Self: 'a,
        {
            let shared = std::rc::Rc::new(1);
            crate::pause().await;
            &text[*shared..]
        }
    }
    impl T for u8 {}
    pub fn check() {
        assert_eq!(crate::block_on(1_u8.f("abc")), "bc");
    }
}

#[allow(async_fn_in_trait)]
pub mod async_in_trait {
    pub trait T {
        async fn required(&self) -> u8;
        #[profile]
        async fn provided(&self) -> u8 {
            self.required().await + 1
        }
    }
    impl T for u8 {
        #[profile]
        async fn required(&self) -> u8 {
            crate::pause().await;
            *self
        }
    }
    pub fn check() {
        assert_eq!(crate::block_on(1_u8.provided()), 2);
    }
}

pub mod associated_type {
    use std::future::Future;
    use std::pin::Pin;
    pub trait Service {
        type Output;
        type Future<'a>: Future<Output = Self::Output> + 'a
        where
            Self: 'a;
        fn call(&self) -> Self::Future<'_>;
    }
    pub struct S(u8);
    impl Service for S {
        type Output = u8;
        type Future<'a> = Pin<Box<dyn Future<Output = u8> + Send + 'a>>;
        #[profile]
        fn call(&self) -> Self::Future<'_> {
            Box::pin(async move { self.0 })
        }
    }
    pub fn check() {
        assert_eq!(crate::block_on(S(1).call()), 1);
    }
}

pub mod unsafe_async {
    #[profile]
    pub async unsafe fn f(p: *const u8) -> u8 {
        unsafe { *p }
    }
    pub fn check() {
        assert_eq!(crate::block_on(unsafe { f(&1) }), 1);
    }
}

pub mod closures {
    #[profile]
    pub async fn f(n: u8) -> u8 {
        let add = |it: u8| async move { it + n };
        let nested = async { add(1).await };
        nested.await + add(2).await
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(1)), 5);
    }
}

pub mod temporaries {
    use std::sync::Mutex;
    #[profile]
    pub async fn f(all: &Mutex<Vec<u8>>) -> usize {
        crate::pause().await;
        let len = all.lock().unwrap().len();
        len
    }
    pub fn check() {
        assert_eq!(crate::block_on(f(&Mutex::new(vec![1]))), 1);
    }
}

pub mod macro_made {
    macro_rules! make {
        ($name:ident, $ty:ty, $body:expr) => {
            #[profile]
            pub async fn $name(__profile_return: u8) -> $ty {
                let _ = __profile_return;
                $body
            }
        };
    }
    make!(f, Option<u8>, Some(1));
    pub fn check() {
        assert_eq!(crate::block_on(f(0)), Some(1));
    }
}

pub mod cancelled {
    #[profile]
    pub async fn f(n: u8) -> u8 {
        crate::pause().await;
        crate::pause().await;
        n
    }
    pub fn check() {
        crate::poll_once(f(1));
        drop(f(1));
        assert_eq!(crate::block_on(f(1)), 1);
    }
}

pub mod attributes {
    #[profile]
    #[must_use]
    #[inline]
    #[allow(clippy::unused_async)]
    pub async fn f() -> u8 {
        1
    }
    pub fn check() {
        assert_eq!(crate::block_on(f()), 1);
    }
}

#[rustfmt::skip]
pub mod one_line {
    use std::future::Future;
    use std::pin::Pin;
    #[profile]
    pub async fn value(text: &str) -> usize { text.len() }
    #[profile]
    pub async fn unit() { crate::pause().await }
    #[profile]
    pub async fn statement() { crate::pause().await; }
    #[profile]
    pub async fn empty() {}
    #[profile]
    pub fn future(text: &str) -> impl Future<Output = usize> + '_ { async move { text.len() } }
    #[profile]
    pub fn boxed(text: &str) -> Pin<Box<dyn Future<Output = usize> + '_>> { Box::pin(async move { text.len() }) }
    pub fn check() {
        assert_eq!(crate::block_on(value("a")) + crate::block_on(future("a")) + crate::block_on(boxed("a")), 3);
        crate::block_on(async { unit().await; statement().await; empty().await; });
    }
}

pub mod types_of_the_body {
    #[profile]
    pub async fn f() -> Result<u8, ()> {
        use std::fmt::Result;
        fn g() -> Result {
            Ok(())
        }
        g().map_err(|_| ())?;
        Ok(1)
    }
    pub fn check() {
        assert_eq!(crate::block_on(f()), Ok(1));
    }
}

pub mod async_trait_todo {
    #[async_trait::async_trait]
    pub trait T {
        async fn todo(&self) -> Result<u8, String>;
        async fn panics(&self) -> u8;
    }
    #[async_trait::async_trait]
    impl T for u8 {
        #[profile]
        async fn todo(&self) -> Result<u8, String> {
            todo!()
        }
        #[profile]
        async fn panics(&self) -> u8 {
            panic!("as it should")
        }
    }
    #[async_trait::async_trait]
    #[profile(returns)]
    impl T for u16 {
        async fn todo(&self) -> Result<u8, String> {
            unimplemented!()
        }
        #[profile(skip)]
        async fn panics(&self) -> u8 {
            panic!("as it should")
        }
    }
    pub fn check() {
        assert!(std::panic::catch_unwind(|| crate::block_on(1_u8.todo())).is_err());
        assert!(std::panic::catch_unwind(|| crate::block_on(1_u8.panics())).is_err());
        assert!(std::panic::catch_unwind(|| crate::block_on(1_u16.todo())).is_err());
    }
}

pub mod foreign_attributes_below {
    use std::future::Future;
    use std::pin::Pin;
    type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    #[profile]
    #[tracing::instrument]
    pub fn boxed(text: &str) -> Boxed<'_, Result<u8, std::num::ParseIntError>> {
        let trimmed = text.trim();
        Box::pin(async move {
            crate::pause().await;
            let n: u8 = trimmed.parse()?;
            Ok(n)
        })
    }
    /// The attribute below gives the function another location, which lints show.
    #[profile]
    #[cfg_attr(all(), tracing::instrument)]
    pub fn bare(text: String) -> impl Future<Output = Result<usize, std::num::ParseIntError>> {
        let trimmed = text.trim().to_owned();
        async move {
            crate::pause().await;
            let n = trimmed.parse::<usize>()?;
            Ok(n + text.len())
        }
    }
    #[profile]
    #[tracing::instrument(skip(text))]
    pub async fn plain(text: String) -> usize {
        crate::pause().await;
        text.len()
    }
    #[async_trait::async_trait]
    pub trait T {
        async fn f(&self, text: &str) -> Result<u8, std::num::ParseIntError>;
    }
    #[async_trait::async_trait]
    #[profile]
    impl T for u8 {
        #[tracing::instrument]
        async fn f(&self, text: &str) -> Result<u8, std::num::ParseIntError> {
            crate::pause().await;
            Ok(self + text.parse::<u8>()?)
        }
    }
    pub fn check() {
        assert_eq!(crate::block_on(boxed(" 1 ")), Ok(1));
        assert_eq!(crate::block_on(bare("1".to_owned())), Ok(2));
        assert_eq!(crate::block_on(plain("1".to_owned())), 1);
        assert_eq!(crate::block_on(1_u8.f("1")), Ok(2));
    }
}
