// Shapes of functions that mean the same in every edition. Each module is one shape; its `check`
// calls its functions and asserts that the results are those of the plain ones. The driver
// (`../tests/shapes.rs`) replaces the bare `#[profile]` and compiles this file with and without.

pub mod free {
    #[profile]
    pub fn f(a: u32, b: u32) -> u32 {
        a + b
    }
    pub fn check() {
        assert_eq!(f(1, 2), 3);
    }
}

pub mod empty_body {
    #[profile]
    pub fn f() {}
    pub fn check() {
        f();
    }
}

pub mod private {
    #[profile]
    fn f() -> u8 {
        1
    }
    pub fn check() {
        assert_eq!(f(), 1);
    }
}

pub mod restricted {
    #[profile]
    pub(crate) fn f() -> u8 {
        1
    }
    #[profile]
    pub(in crate::common) fn g() -> u8 {
        2
    }
    pub fn check() {
        assert_eq!(f() + g(), 3);
    }
}

pub mod receivers {
    use std::pin::Pin;
    use std::rc::Rc;
    use std::sync::Arc;
    #[derive(Clone)]
    pub struct S(u32);
    impl S {
        #[profile]
        pub fn by_ref(&self) -> u32 {
            self.0
        }
        #[profile]
        pub fn by_mut(&mut self) -> &mut u32 {
            self.0 += 1;
            &mut self.0
        }
        #[profile]
        pub fn by_value(self) -> u32 {
            self.0
        }
        #[profile]
        pub fn by_mut_value(mut self) -> Self {
            self.0 += 1;
            self
        }
        #[profile]
        pub fn by_box(self: Box<Self>) -> u32 {
            self.0
        }
        #[profile]
        pub fn by_rc(self: Rc<Self>) -> u32 {
            self.0
        }
        #[profile]
        pub fn by_arc(self: &Arc<Self>) -> u32 {
            self.0
        }
        #[profile]
        pub fn by_pin(self: Pin<&mut Self>) -> u32 {
            self.0
        }
        #[profile]
        pub fn with_lifetime<'a>(&'a self, _other: &'a str) -> &'a u32 {
            &self.0
        }
        #[profile]
        pub fn typed(self: &Self) -> u32 {
            self.0
        }
    }
    pub fn check() {
        let mut s = S(1);
        assert_eq!(s.by_ref(), 1);
        *s.by_mut() += 1;
        assert_eq!(s.clone().by_value(), 3);
        assert_eq!(s.clone().by_mut_value().0, 4);
        assert_eq!(Box::new(s.clone()).by_box(), 3);
        assert_eq!(Rc::new(s.clone()).by_rc(), 3);
        assert_eq!(Arc::new(s.clone()).by_arc(), 3);
        assert_eq!(Pin::new(&mut s).by_pin(), 3);
        assert_eq!(*s.with_lifetime(""), 3);
        assert_eq!(s.typed(), 3);
    }
}

pub mod associated {
    pub struct S(u8);
    impl S {
        const START: u8 = 4;
        #[profile]
        pub fn new() -> Self {
            Self(Self::START)
        }
    }
    impl Default for S {
        #[profile]
        fn default() -> Self {
            Self::new()
        }
    }
    pub fn check() {
        assert_eq!(S::default().0, 4);
    }
}

pub mod trait_default {
    pub trait T {
        fn required(&self) -> u8;
        #[profile]
        fn provided(&self) -> u8 {
            self.required() + 1
        }
        #[profile]
        fn sized(self) -> u8
        where
            Self: Sized,
        {
            self.required()
        }
        #[profile]
        fn without_self(n: u8) -> u8
        where
            Self: Sized,
        {
            n
        }
    }
    impl T for u8 {
        fn required(&self) -> u8 {
            *self
        }
    }
    pub fn check() {
        assert_eq!(1_u8.provided() + 2_u8.sized() + u8::without_self(3), 7);
        let object: &dyn T = &1_u8;
        assert_eq!(object.provided(), 2);
    }
}

pub mod trait_impl {
    pub struct S;
    impl Iterator for S {
        type Item = u8;
        #[profile]
        fn next(&mut self) -> Option<Self::Item> {
            None
        }
    }
    impl Drop for S {
        #[profile]
        fn drop(&mut self) {}
    }
    pub fn check() {
        assert_eq!(S.next(), None);
    }
}

pub mod generic {
    use std::fmt::Debug;
    #[profile]
    pub fn f<T, U: Debug>(value: T, other: &U) -> String
    where
        T: Into<String>,
    {
        format!("{}{:?}", value.into(), other)
    }
    pub fn check() {
        assert_eq!(f("a", &1), "a1");
        assert_eq!(f(String::from("a"), &'c'), "a'c'");
    }
}

pub mod generic_type {
    pub struct S<'a, T, const N: usize>(pub &'a [T; N]);
    impl<'a, T: Copy, const N: usize> S<'a, T, N> {
        #[profile]
        pub fn first(&self) -> Option<T> {
            self.0.first().copied()
        }
        #[profile]
        pub fn all(self) -> &'a [T] {
            self.0
        }
        #[profile]
        pub fn map<U>(&self, f: impl Fn(T) -> U) -> Vec<U> {
            self.0.iter().map(|&it| f(it)).collect()
        }
    }
    pub fn check() {
        assert_eq!(S(&[1, 2]).first(), Some(1));
        assert_eq!(S(&[1, 2]).all(), &[1, 2]);
        assert_eq!(S(&[1, 2]).map(|it| it + 1), vec![2, 3]);
    }
}

pub mod const_generic {
    #[profile]
    pub fn f<const N: usize>(a: [u8; N]) -> usize {
        a.len() + N
    }
    pub fn check() {
        assert_eq!(f([0; 3]), 6);
    }
}

pub mod lifetime_elided {
    #[profile]
    pub fn f(text: &str) -> &str {
        text.trim()
    }
    pub fn check() {
        assert_eq!(f(" a "), "a");
    }
}

pub mod lifetime_explicit {
    #[profile]
    pub fn f<'a, 'b: 'a>(x: &'a str, y: &'b str) -> &'a str {
        if x.is_empty() {
            y
        } else {
            x
        }
    }
    pub fn check() {
        assert_eq!(f("", "b"), "b");
    }
}

pub mod lifetime_anonymous {
    use std::cell::{Ref, RefCell};
    #[profile]
    pub fn f(cell: &RefCell<u8>) -> Ref<'_, u8> {
        cell.borrow()
    }
    pub fn check() {
        assert_eq!(*f(&RefCell::new(1)), 1);
    }
}

pub mod higher_ranked {
    #[profile]
    pub fn f<F>(f: F) -> usize
    where
        F: for<'a> Fn(&'a str) -> &'a str,
    {
        f("abc").len()
    }
    pub fn check() {
        assert_eq!(f(|it| &it[1..]), 2);
    }
}

pub mod impl_argument {
    #[profile]
    pub fn f(it: impl IntoIterator<Item = u8>, g: &impl Fn(u8) -> u8) -> u8 {
        it.into_iter().map(g).sum()
    }
    pub fn check() {
        assert_eq!(f(vec![1, 2], &|it| it), 3);
    }
}

pub mod impl_return {
    #[profile]
    pub fn f(n: u8) -> impl Iterator<Item = u8> + Clone {
        (0..n).map(|it| it * 2)
    }
    pub fn check() {
        assert_eq!(f(3).sum::<u8>(), 6);
    }
}

pub mod impl_return_borrowed {
    #[profile]
    pub fn f<'a>(words: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
        words.iter().map(|it| it.len())
    }
    pub fn check() {
        assert_eq!(f(&["a", "bc"]).sum::<usize>(), 3);
    }
}

pub mod impl_return_closure {
    #[profile]
    pub fn f(n: u8) -> impl Fn(u8) -> u8 {
        move |it| it + n
    }
    #[profile]
    pub fn g(n: u8) -> Box<dyn Fn(u8) -> u8> {
        Box::new(move |it| it + n)
    }
    pub fn check() {
        assert_eq!(f(1)(2) + g(1)(2), 6);
    }
}

pub mod never {
    #[profile]
    pub fn panics() -> ! {
        panic!("as it should")
    }
    #[profile]
    pub fn never_exits() -> ! {
        std::process::exit(3)
    }
    #[profile]
    pub fn never_ends() -> ! {
        loop {
            std::thread::park();
        }
    }
    pub fn check() {
        assert!(std::panic::catch_unwind(|| panics()).is_err());
    }
}

pub mod question_mark {
    use std::error::Error;
    use std::num::ParseIntError;
    #[profile]
    pub fn f(text: &str) -> Result<u8, ParseIntError> {
        let n: u8 = text.parse()?;
        Ok(n + 1)
    }
    #[profile]
    pub fn g(text: &str) -> Result<u8, Box<dyn Error + Send + Sync>> {
        if text.is_empty() {
            Err("empty")?;
        }
        Ok(f(text)?)
    }
    #[profile]
    pub fn h(text: Option<&str>) -> Option<char> {
        text?.chars().next()
    }
    pub fn check() {
        assert_eq!(f("1"), Ok(2));
        assert!(g("").is_err() && g("x").is_err() && g("1").is_ok());
        assert_eq!(h(Some("a")), Some('a'));
    }
}

pub mod early_return {
    #[profile]
    pub fn f(n: u8) -> &'static str {
        if n == 0 {
            return "none";
        }
        for it in 0..n {
            if it == 3 {
                return "many";
            }
        }
        "few"
    }
    pub fn check() {
        assert_eq!((f(0), f(1), f(9)), ("none", "few", "many"));
    }
}

pub mod labels {
    #[profile]
    pub fn f() -> u8 {
        let found = 'outer: loop {
            for it in 0.. {
                if it > 3 {
                    break 'outer it;
                }
            }
        };
        'block: {
            if found == 4 {
                break 'block 1;
            }
            2
        }
    }
    pub fn check() {
        assert_eq!(f(), 1);
    }
}

pub mod patterns {
    pub struct P {
        pub x: u8,
        pub y: (u8, u8),
    }
    #[profile]
    pub fn f((a, b): (u8, u8), [c, ..]: [u8; 3], P { x, y: (z, _) }: P, &d: &u8, _: u8) -> u8 {
        a + b + c + x + z + d
    }
    #[profile]
    pub fn g(mut n: u8, ref m: u8) -> u8 {
        n += 1;
        n + *m
    }
    pub fn check() {
        assert_eq!(f((1, 1), [1, 0, 0], P { x: 1, y: (1, 0) }, &1, 0), 6);
        assert_eq!(g(1, 1), 3);
    }
}

pub mod unsafe_fn {
    #[profile]
    pub unsafe fn f(p: *const u8) -> u8 {
        unsafe { *p }
    }
    pub fn check() {
        assert_eq!(unsafe { f(&1) }, 1);
    }
}

pub mod extern_c {
    #[profile]
    pub extern "C" fn f(n: i32) -> i32 {
        n + 1
    }
    #[profile]
    pub unsafe extern "C" fn g(n: *const i32) -> i32 {
        unsafe { *n }
    }
    #[profile]
    pub extern "system" fn h() {}
    pub fn check() {
        let pointer: extern "C" fn(i32) -> i32 = f;
        assert_eq!(pointer(1) + unsafe { g(&1) }, 3);
        h();
    }
}

pub mod function_pointer {
    #[profile]
    pub fn f(n: u8) -> u8 {
        n
    }
    pub static TABLE: [fn(u8) -> u8; 2] = [f, f];
    pub fn check() {
        assert_eq!(TABLE[1](1), 1);
        assert_eq!(Some(2).map(f), Some(2));
    }
}

pub mod recursion {
    #[profile]
    pub fn f(n: u64) -> u64 {
        if n < 2 {
            n
        } else {
            f(n - 1) + f(n - 2)
        }
    }
    pub fn check() {
        assert_eq!(f(10), 55);
    }
}

pub mod nested {
    #[profile]
    pub fn outer(n: u8) -> u8 {
        #[profile]
        fn inner(n: u8) -> u8 {
            const ONE: u8 = 1;
            n + ONE
        }
        inner(n) * 2
    }
    pub fn check() {
        assert_eq!(outer(1), 4);
    }
}

pub mod leading_items {
    #[profile]
    pub fn f() -> usize {
        use std::collections::BTreeMap as Map;
        const N: usize = 2;
        #[derive(Default)]
        struct Local(usize);
        impl Local {
            fn get(&self) -> usize {
                self.0
            }
        }
        macro_rules! two {
            () => {
                N
            };
        }
        let map: Map<u8, u8> = Map::new();
        map.len() + Local(two!()).get() + Local::default().0
    }
    pub fn check() {
        assert_eq!(f(), 2);
    }
}

pub mod inner_attributes {
    #[profile]
    pub fn f() {
        #![allow(unused_variables)]
        //! Documents itself from within.
        let x = 1;
    }
    #[profile]
    pub fn g() -> u8 {
        #![allow(clippy::needless_return)]
        return 1;
    }
    pub fn check() {
        f();
        assert_eq!(g(), 1);
    }
}

pub mod from_macro {
    macro_rules! make {
        ($(#[$attribute:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
            $(#[$attribute])*
            #[profile]
            $vis fn $name($($arg: $ty),*) -> $ret $body
        };
        ($($name:ident),*) => {
            $(#[profile] pub fn $name() -> u8 { 1 })*
        };
    }
    make!(
        #[inline]
        pub fn f(a: u8, b: u8) -> u8 {
            a + b
        }
    );
    make!(g, h);
    pub fn check() {
        assert_eq!(f(1, g()) + h(), 3);
    }
}

pub mod from_macro_item {
    macro_rules! annotate {
        ($item:item) => {
            #[profile]
            $item
        };
    }
    annotate! {
        pub fn f(n: u8) -> u8 { n + 1 }
    }
    pub struct S;
    annotate! {
        impl S { pub fn g(&self) -> u8 { 1 } }
    }
    pub fn check() {
        assert_eq!(f(S.g()), 2);
    }
}

pub mod from_macro_hygiene {
    macro_rules! make {
        ($name:ident, $body:expr) => {
            #[profile]
            pub fn $name(__profile_guard: u8) -> u8 {
                let hidden = 1;
                $body + hidden + __profile_guard
            }
        };
    }
    make!(f, 2);
    pub fn check() {
        assert_eq!(f(3), 6);
    }
}

pub mod attributes {
    #[profile]
    #[inline(always)]
    #[must_use]
    pub fn above() -> u8 {
        1
    }
    #[inline(never)]
    #[cold]
    #[must_use = "because"]
    #[profile]
    pub fn below() -> u8 {
        1
    }
    /// Documented.
    ///
    /// # Panics
    /// Never.
    #[profile]
    #[doc(alias = "other")]
    #[allow(clippy::unnecessary_wraps)]
    pub fn documented() -> Option<u8> {
        Some(1)
    }
    #[profile]
    #[deprecated(note = "use something else")]
    pub fn old() -> u8 {
        1
    }
    #[allow(deprecated)]
    pub fn check() {
        assert_eq!(above() + below() + old() + documented().unwrap(), 4);
    }
}

pub mod track_caller {
    use std::panic::Location;
    #[profile]
    #[track_caller]
    pub fn above() -> u32 {
        Location::caller().line()
    }
    #[track_caller]
    #[profile]
    pub fn below() -> u32 {
        Location::caller().line()
    }
    pub fn check() {
        assert_eq!(above(), line!());
        assert_eq!(below(), line!());
    }
}

pub mod conditional {
    #[cfg_attr(all(), profile)]
    pub fn by_cfg_attr() -> u8 {
        1
    }
    #[profile]
    #[cfg(any(unix, windows))]
    pub fn by_cfg() -> u8 {
        1
    }
    #[profile]
    #[cfg(not(any(unix, windows)))]
    pub fn by_cfg() -> u8 {
        2
    }
    #[profile]
    pub fn arguments(a: u8, #[cfg(not(any(unix, windows)))] b: u8, #[cfg(any(unix, windows))] c: u8) -> u8 {
        #[cfg(any(unix, windows))]
        let b = c;
        a + b
    }
    pub fn check() {
        assert_eq!(by_cfg_attr() + by_cfg() + arguments(1, 1), 4);
    }
}

pub mod users_names {
    #[profile]
    pub fn f(__profile_guard: u8) -> u8 {
        __profile_guard + 1
    }
    #[profile]
    pub fn g() -> u8 {
        let __profile_guard = 1;
        static __PROFILE_SKIPPED: u8 = 2;
        __profile_guard + __PROFILE_SKIPPED
    }
    #[profile]
    pub fn h(core: u8, guard: u8, enter: u8) -> u8 {
        core + guard + enter
    }
    pub fn check() {
        assert_eq!(f(1) + g() + h(1, 1, 1), 8);
    }
}

pub mod shadowing {
    #![allow(dead_code)]
    mod core {}
    mod std {}
    mod profile_core {}
    mod inventory {}
    struct Option;
    struct Some;
    struct None;
    enum Result {}
    struct CallSite;
    trait Send {}
    trait Future {}
    #[profile]
    pub fn f() -> u8 {
        1
    }
    #[profile]
    pub async fn g() -> u8 {
        1
    }
    pub fn check() {
        assert_eq!(f() + crate::block_on(g()), 2);
    }
}

pub mod shadowing_inside {
    #[profile]
    pub fn f() -> u8 {
        #![allow(dead_code, non_camel_case_types)]
        mod core {}
        mod profile_core {}
        struct Option;
        struct u32;
        macro_rules! module_path {
            () => {
                compile_error!("not this one")
            };
        }
        1
    }
    pub fn check() {
        assert_eq!(f(), 1);
    }
}

pub mod raw_identifiers {
    #[profile]
    pub fn r#match(r#type: u8) -> u8 {
        r#type
    }
    pub struct S;
    impl S {
        #[profile]
        pub fn r#move(&self) -> u8 {
            1
        }
    }
    pub fn check() {
        assert_eq!(r#match(1) + S.r#move(), 2);
    }
}

pub mod coercion {
    use std::fmt::Display;
    #[profile]
    pub fn boxed() -> Box<dyn Display> {
        Box::new(1)
    }
    #[profile]
    pub fn borrowed<T: Display>(value: &T) -> &dyn Display {
        value
    }
    #[profile]
    pub fn slice(array: &[u8; 2]) -> &[u8] {
        array
    }
    #[profile]
    pub fn pointer() -> fn() -> Box<dyn Display> {
        boxed
    }
    pub fn check() {
        let text = format!("{}{}{}", pointer()(), borrowed(&2), slice(&[1, 2]).len());
        assert_eq!(text, "122");
    }
}

pub mod borrow_of_argument {
    #[profile]
    pub fn longest<'a>(words: &mut Vec<&'a str>) -> Option<&'a str> {
        words.sort_by_key(|it| it.len());
        words.pop()
    }
    #[profile]
    pub fn entry(map: &mut std::collections::BTreeMap<u8, u8>, key: u8) -> &mut u8 {
        map.entry(key).or_default()
    }
    pub fn check() {
        assert_eq!(longest(&mut vec!["a", "bc"]), Some("bc"));
        *entry(&mut Default::default(), 1) += 1;
    }
}

pub mod drop_order {
    use std::cell::RefCell;
    thread_local!(static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    pub struct Noisy(u8);
    impl Drop for Noisy {
        fn drop(&mut self) {
            LOG.with(|it| it.borrow_mut().push(self.0));
        }
    }
    #[profile]
    pub fn f(_a: Noisy, _: Noisy, _c: Noisy) -> usize {
        let _d = Noisy(4);
        Noisy(5).0 as usize
    }
    pub fn check() {
        assert_eq!(f(Noisy(1), Noisy(2), Noisy(3)), 5);
        LOG.with(|it| assert_eq!(it.borrow().len(), 5));
    }
}

pub mod statics_inside {
    use std::sync::atomic::{AtomicU32, Ordering};
    #[profile]
    pub fn next() -> u32 {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        COUNT.fetch_add(1, Ordering::Relaxed)
    }
    pub fn check() {
        assert_eq!((next(), next()), (0, 1));
    }
}

pub mod matches {
    #[profile]
    pub fn f(n: Option<u8>) -> u8 {
        match n {
            Some(it @ 1..=5) => it,
            Some(it) if it > 100 => 100,
            Some(_) | None => 0,
        }
    }
    pub fn check() {
        assert_eq!(f(Some(2)) + f(Some(200)) + f(None), 102);
    }
}

pub mod closures_inside {
    #[profile]
    pub fn f(n: u8) -> u8 {
        let add = |it: u8| -> u8 {
            if it > 9 {
                return 9;
            }
            it + n
        };
        add(1) + add(10)
    }
    pub fn check() {
        assert_eq!(f(1), 11);
    }
}

pub mod unwinding {
    #[profile]
    pub fn f(n: usize) -> u8 {
        [1, 2][n]
    }
    pub fn check() {
        assert!(std::panic::catch_unwind(|| f(7)).is_err());
        assert_eq!(f(1), 2);
    }
}

pub mod same_name {
    pub struct A;
    pub struct B;
    impl A {
        #[profile]
        pub fn run(&self) -> u8 {
            1
        }
    }
    impl B {
        #[profile]
        pub fn run(&self) -> u8 {
            2
        }
    }
    pub fn check() {
        assert_eq!(A.run() + B.run(), 3);
    }
}

pub mod options {
    #[profile(name = "renamed")]
    pub fn f() -> u8 {
        1
    }
    #[profile(overhead = "2.5%")]
    pub fn g() -> u8 {
        1
    }
    #[profile(name = "both", overhead = "100%",)]
    pub fn h() -> u8 {
        1
    }
    #[profile(skip)]
    pub fn left_out() -> u8 {
        1
    }
    #[profile(skip)]
    pub struct Anything;
    #[profile]
    #[profile(name = "twice")]
    pub fn repeated() -> u8 {
        1
    }
    pub fn check() {
        assert_eq!(f() + g() + h() + left_out() + repeated(), 5);
    }
}

pub mod linkage {
    #[profile]
    #[export_name = concat!("profile_shape_of_", env!("CARGO_PKG_NAME"))]
    #[cfg(any())]
    pub extern "C" fn never_there() {}
    #[profile]
    #[doc(hidden)]
    #[rustfmt::skip]
    pub fn f() -> u8 { 1 }
    pub fn check() {
        assert_eq!(f(), 1);
    }
}

pub mod visitor {
    pub enum Tree {
        Leaf(u8),
        Node(Vec<Tree>),
    }
    impl Tree {
        #[profile]
        pub fn walk(&self, visit: &mut dyn FnMut(u8)) {
            match self {
                Self::Leaf(it) => visit(*it),
                Self::Node(all) => all.iter().for_each(|it| it.walk(visit)),
            }
        }
    }
    pub fn check() {
        let mut sum = 0;
        Tree::Node(vec![Tree::Leaf(1), Tree::Leaf(2)]).walk(&mut |it| sum += it);
        assert_eq!(sum, 3);
    }
}

pub mod unit_tail {
    #[profile]
    pub fn f(all: &mut Vec<u8>) {
        all.push(1);
        if all.len() > 3 {
            return;
        }
        all.push(2)
    }
    pub fn check() {
        let mut all = Vec::new();
        f(&mut all);
        assert_eq!(all, [1, 2]);
    }
}

pub mod where_self {
    pub trait Named {
        const NAME: &'static str;
        #[profile]
        fn name() -> &'static str
        where
            Self: Sized,
        {
            Self::NAME
        }
    }
    impl<T> Named for Vec<T> {
        const NAME: &'static str = "vec";
    }
    pub fn check() {
        assert_eq!(Vec::<u8>::name(), "vec");
    }
}

pub mod associated_types {
    pub trait Shape {
        type Out<'a>
        where
            Self: 'a;
        fn get(&self) -> Self::Out<'_>;
    }
    impl Shape for String {
        type Out<'a> = &'a str;
        #[profile]
        fn get(&self) -> Self::Out<'_> {
            self.as_str()
        }
    }
    pub fn check() {
        assert_eq!(String::from("a").get(), "a");
    }
}

pub mod let_else {
    #[profile]
    pub fn f(text: &str) -> u8 {
        let Ok(n) = text.parse::<u8>() else {
            return 0;
        };
        n
    }
    pub fn check() {
        assert_eq!(f("1") + f("x"), 1);
    }
}

pub mod const_block {
    #[profile]
    pub fn f() -> usize {
        const { 1 + 2 }
    }
    #[profile]
    pub fn g() -> u8 {
        unsafe { *std::ptr::null::<u8>().wrapping_add(0).as_ref().unwrap_or(&1) }
    }
    pub fn check() {
        assert_eq!(f() + usize::from(g()), 4);
    }
}

#[rustfmt::skip]
pub mod one_line {
    #[profile] pub fn value(n: u8) -> u8 { n }
    #[profile] pub fn unit() { drop(1) }
    #[profile] pub fn block(n: u8) -> u8 { { n } }
    #[profile] pub fn two(n: u8) -> u8 { let m = n; m + 1 }
    pub fn check() {
        unit();
        assert_eq!(value(1) + block(1) + two(1), 4);
    }
}

pub mod crate_path {
    pub mod elsewhere {
        pub use ::profile_core as core;
    }
    #[profile(crate = crate::common::crate_path::elsewhere::core)]
    pub fn f() -> u8 {
        1
    }
    #[profile(crate = elsewhere::core, name = "relative")]
    pub fn g() -> u8 {
        1
    }
    #[profile(crate = ::profile_core)]
    pub mod container {
        pub async fn h() -> u8 {
            1
        }
    }
    pub fn check() {
        assert_eq!(f() + g() + crate::block_on(container::h()), 3);
    }
}

pub mod from_macro_visibility {
    macro_rules! make {
        ($($vis:vis $name:ident $(: $ret:ty)? $body:block)*) => {
            $(#[profile] $vis fn $name() $(-> $ret)? $body)*
        };
    }
    make! {
        pub(crate) f: u8 { 1 }
        pub(in crate::common) g: u8 { return 1; }
        h {}
        pub i {}
    }
    pub fn check() {
        assert_eq!(f() + g(), 2);
        h();
        i();
    }
}

pub mod diverging {
    fn stop() -> ! {
        panic!("as it should")
    }
    #[profile]
    pub fn behind_a_loop(mut n: u32) -> Result<u32, Box<dyn std::error::Error>> {
        loop {
            n += 1;
            if n > 3 {
                return Ok(n);
            }
        }
        #[allow(unreachable_code)]
        Ok(0)
    }
    #[profile]
    #[allow(unreachable_code)]
    pub fn behind_a_call(n: u32) -> u32 {
        let text = n.to_string();
        stop();
        let more = text.len();
        more as u32
    }
    #[profile]
    pub fn expected(n: u32) -> u32 {
        if n > 0 {
            return n;
        }
        stop();
        #[expect(unreachable_code)]
        return n + 1;
    }
    #[profile]
    #[expect(unreachable_code)]
    pub fn expected_of_all(n: u32) -> u32 {
        if n > 0 {
            return n;
        }
        stop();
        n + 1
    }
    #[profile(returns)]
    pub fn tail(n: u8) -> Option<u8> {
        if n > 0 {
            return Some(n);
        }
        stop()
    }
    #[profile(returns)]
    pub fn arms(n: u8) -> Option<u8> {
        match n {
            0 => stop(),
            1 => loop {
                stop()
            },
            _ => Some(n),
        }
    }
    pub fn check() {
        assert_eq!(behind_a_loop(0).unwrap(), 4);
        assert!(std::panic::catch_unwind(|| behind_a_call(1)).is_err());
        assert_eq!(expected(1) + expected_of_all(1), 2);
        assert_eq!((tail(1), arms(2)), (Some(1), Some(2)));
    }
}

pub mod moved_arguments {
    pub struct Table {
        name: String,
        rows: Vec<u8>,
    }
    impl Table {
        #[profile(args(self.name, self.rows, row))]
        pub fn insert(&mut self, row: Vec<u8>) {
            self.name.push('a');
            self.rows.extend(row);
        }
        #[profile(args(self.name))]
        pub fn into_name(self) -> String {
            self.name
        }
    }
    #[profile(args(text, all, mapped))]
    pub fn f(text: String, all: &mut Vec<u8>, mut mapped: Option<Box<u8>>) -> usize {
        all.clear();
        mapped = mapped.map(|it| Box::new(*it + 1));
        let moved = move || text.len();
        moved() + all.len() + usize::from(*mapped.unwrap_or_default())
    }
    #[profile(args(items))]
    pub fn generic<T: std::fmt::Debug, I: IntoIterator<Item = T> + std::fmt::Debug>(items: I) -> usize {
        items.into_iter().count()
    }
    pub fn check() {
        let mut table = Table { name: String::new(), rows: vec![] };
        table.insert(vec![1]);
        assert_eq!(table.rows.len(), 1);
        assert_eq!(table.into_name(), "a");
        assert_eq!(f(String::from("a"), &mut vec![1], Some(Box::new(1))), 3);
        assert_eq!(generic(vec![1]), 1);
    }
}

pub mod ends_of_blocks {
    struct Noisy(u8);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0 = 0;
        }
    }
    #[profile]
    pub fn f(given: Option<String>) -> usize {
        let _guard = Noisy(1);
        let Noisy(ref n) = _guard;
        let (mut a, _) = (vec![*n], Noisy(2));
        if let Some(text) = &given {
            let mut part = text.clone();
            part.push('a');
            a.push(part.len() as u8);
        } else if let None = given {
            let part = Noisy(3);
            a.push(part.0);
        }
        let last = {
            let iterator = a.drain(..);
            iterator.last()
        };
        let moved = a;
        let closure = || moved.len();
        #[cfg(any())]
        let absent = Noisy(4);
        match (last, given) {
            (Some(last), Some(given)) => {
                let all = given + "b";
                all.len() + usize::from(last) + closure()
            }
            (None, _) | (_, None) => usize::from(last.unwrap_or(0)),
        }
    }
    pub fn check() {
        assert_eq!(f(Some(String::from("a"))) + f(None), 7);
    }
}
