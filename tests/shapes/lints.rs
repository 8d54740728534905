// Bodies with lints of the compiler and clippy, which must also be found under the attribute, at
// the same location. See `common.rs`; nothing here is called.
#![allow(missing_docs)]

pub mod unused {
    use std::collections::BTreeMap;
    #[profile]
    fn dead() -> u8 {
        1
    }
    #[profile]
    async fn dead_async() -> u8 {
        1
    }
    pub struct S;
    impl S {
        #[profile]
        fn dead_method(&self) {}
    }
    #[profile]
    pub fn variables(argument: u8, mut never_changed: u8) -> u8 {
        let local = 1;
        let mut also = 1;
        never_changed + also
    }
    #[profile]
    pub async fn variables_async(argument: u8, mut never_changed: u8) -> u8 {
        let local = 1;
        let mut also = 1;
        crate::pause().await;
        never_changed + also
    }
    #[profile]
    pub fn assignments(mut argument: u8) {
        let mut n = 1;
        n = 2;
        argument = 2;
    }
    #[profile]
    pub async fn assignments_async(mut argument: u8) {
        let mut n = 1;
        n = 2;
        crate::pause().await;
        argument = 2;
    }
    #[profile]
    pub fn results() {
        "1".parse::<u8>();
        crate::pause();
        vec![1].iter().map(|it| it + 1);
        let _ = std::sync::Mutex::new(1).lock();
    }
    #[profile]
    pub async fn results_async() {
        "1".parse::<u8>();
        crate::pause();
        crate::pause().await;
    }
    #[profile]
    pub fn items() {
        use std::fmt::Debug;
        fn inner() {}
        struct Never;
        const NEVER: u8 = 1;
    }
    #[profile]
    pub fn code() -> u8 {
        if true {
            return 1;
            let after = 2;
        }
        loop {
            break;
        }
        panic!();
        2
    }
    #[profile]
    pub async fn code_async() -> u8 {
        return 1;
        crate::pause().await;
        2
    }
    #[profile]
    pub fn braces() -> u8 {
        let a = { 1 };
        let b = (2);
        if (a > b) { (a) } else { b };;
        1
    }
    #[profile]
    pub unsafe fn unsafety(p: *const u8) -> u8 {
        unsafe {
            1;
        }
        *p
    }
    #[profile]
    pub fn labels() {
        'never: loop {
            break;
        }
    }
    #[profile]
    pub fn recursion() {
        recursion()
    }
}

pub mod names {
    #[profile]
    pub fn NotSnake(NotSnakeEither: u8) -> u8 {
        let AlsoNot = NotSnakeEither;
        AlsoNot
    }
}

pub mod documentation {
    #![warn(missing_docs)]
    #[profile]
    pub fn undocumented() {}
    /// Says nothing of errors or panics.
    #[profile]
    pub fn missing_sections(n: Option<u8>) -> Result<u8, ()> {
        Ok(n.unwrap())
    }
    /// Says nothing of errors or panics.
    #[profile]
    pub async fn missing_sections_async(n: Option<u8>) -> Result<u8, ()> {
        crate::pause().await;
        assert!(n.is_some());
        Ok(n.unwrap())
    }
    /// Says nothing of safety, and names std::Vec without ticks.
    #[profile]
    pub unsafe fn missing_safety() {}
}

pub mod style {
    #[profile]
    pub fn must_use(n: u8) -> u8 {
        n + 1
    }
    #[profile]
    pub fn needless_return(n: u8) -> u8 {
        if n > 1 {
            return 1;
        }
        return n;
    }
    #[profile]
    pub async fn needless_return_async(n: u8) -> u8 {
        crate::pause().await;
        return n;
    }
    #[profile]
    pub fn let_and_return(n: u8) -> u8 {
        let m = n + 1;
        m
    }
    #[profile]
    pub fn pass_by_value(text: String, all: Vec<u8>) -> usize {
        text.len() + all.len()
    }
    #[profile]
    pub fn references(text: &String, all: &Vec<u8>, boxed: &Box<u8>, one: &u8) -> usize {
        text.len() + all.len() + usize::from(**boxed) + usize::from(*one)
    }
    #[profile]
    pub fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
        a + b + c + d + e + f + g + h
    }
    #[profile]
    pub fn wraps(n: u8) -> Option<u8> {
        Some(n)
    }
    #[profile]
    pub fn items_after_statements() -> u8 {
        let n = 1;
        const N: u8 = 1;
        fn f() -> u8 {
            1
        }
        n + N + f()
    }
    #[profile]
    pub async fn items_after_statements_async() -> u8 {
        let n = 1;
        crate::pause().await;
        const N: u8 = 1;
        n + N
    }
    #[profile]
    pub fn loops(all: &[u8]) -> u8 {
        let mut sum = 0;
        for i in 0..all.len() {
            sum += all[i];
        }
        for it in all.iter() {
            sum = sum + it;
        }
        while let Some(it) = all.iter().next() {
            sum += it;
            break;
        }
        sum
    }
    #[profile]
    pub async fn loops_async(all: &[u8]) -> u8 {
        let mut sum = 0;
        for i in 0..all.len() {
            sum += all[i];
            crate::pause().await;
        }
        sum
    }
    #[profile]
    pub fn matching(n: Option<u8>) -> u8 {
        match n {
            Some(it) => it,
            None => 0,
        };
        let text = if n.is_some() { true } else { false };
        if let Some(_) = n {
            return u8::from(text as bool);
        }
        match n {
            Some(it) => return it,
            _ => {}
        }
        n.map(|it| it).unwrap_or(Default::default())
    }
    #[profile]
    pub fn conversions(n: u64) -> u8 {
        let m = n as u8;
        let text = "a".to_string().clone();
        text.to_string().len() as u8 + m.clone() + u8::from(m)
    }
    #[profile]
    pub fn comparisons(x: f64, all: &[u8]) -> bool {
        x == 0.5 || all.len() == 0 || !(x > 1.0)
    }
    #[profile]
    pub fn long_literals() -> (u32, f64) {
        (1234567, 3.14159)
    }
    #[profile]
    pub fn semicolon(all: &mut Vec<u8>) {
        all.clear()
    }
    #[profile]
    pub fn format(n: u8) -> String {
        println!("{}", n);
        format!("{}", "a")
    }
    #[profile]
    pub fn shadow(n: u8) -> u8 {
        let n = n;
        let _used = n;
        _used
    }
    #[profile]
    pub fn question(n: Option<u8>) -> Option<u8> {
        let n = match n {
            Some(n) => n,
            None => return None,
        };
        Some(n)
    }
    #[profile]
    pub fn unit(all: &mut Vec<u8>) {
        let x = all.clear();
        x
    }
    #[profile]
    pub fn could_be_const(n: u8) -> u8 {
        n
    }
    #[profile]
    pub async fn no_await(n: u8) -> u8 {
        n
    }
    #[profile]
    pub async fn lock_held(lock: &std::sync::Mutex<u8>) -> u8 {
        let guard = lock.lock().unwrap();
        crate::pause().await;
        *guard
    }
    #[profile]
    pub async fn not_send(n: std::rc::Rc<u8>) -> u8 {
        crate::pause().await;
        *n
    }
    #[profile]
    pub async fn large() -> usize {
        let array = [0_u8; 40_000];
        crate::pause().await;
        array.len()
    }
    #[profile]
    pub fn manual() -> impl std::future::Future<Output = u8> {
        async { 1 }
    }
    #[profile]
    pub async fn yields() -> u8 {
        let inner = async { crate::pause() };
        inner.await.await;
        1
    }
    #[profile]
    pub async fn redundant_block() {
        async { crate::pause().await }.await
    }
    #[profile]
    pub fn complex() -> Result<Vec<Option<Box<dyn Fn(u8) -> Result<u8, String>>>>, Box<Vec<u8>>> {
        Ok(Vec::new())
    }
    #[profile]
    pub async fn complex_async() -> Result<Vec<Option<Box<dyn Fn(u8) -> Result<u8, String>>>>, Box<Vec<u8>>> {
        crate::pause().await;
        Ok(Vec::new())
    }
    pub struct Own;
    impl Own {
        #[profile]
        pub fn new() -> Own {
            Own
        }
        #[profile]
        pub async fn make() -> Own {
            crate::pause().await;
            Own
        }
        #[profile]
        pub fn to_own(self) -> Self {
            self
        }
        #[profile]
        pub fn without_self(&self) -> u8 {
            1
        }
        #[profile]
        pub fn ref_mut(&mut self) -> u8 {
            1
        }
        #[profile]
        pub fn default() -> Self {
            Self
        }
    }
    #[profile]
    pub fn hidden_lifetime(cell: &std::cell::RefCell<u8>) -> std::cell::Ref<u8> {
        cell.borrow()
    }
    #[profile]
    pub async fn hidden_lifetime_async(cell: &std::cell::RefCell<u8>) -> std::cell::Ref<u8> {
        crate::pause().await;
        cell.borrow()
    }
    #[profile]
    pub async fn qualified() -> std::option::Option<std::vec::Vec<u8>> {
        crate::pause().await;
        None
    }
    #[deprecated]
    pub struct Old;
    #[profile]
    pub async fn deprecated() -> Old {
        crate::pause().await;
        Old
    }
    #[profile]
    pub fn extra_lifetime<'a, 'b>(text: &'a str) -> &'a str {
        text
    }
    #[profile]
    pub fn too_long(n: u8) -> u8 {
        if n > 1 { if n > 2 { if n > 3 { return 1; } } }
        if n == 1 { 2 } else if n == 1 { 2 } else { 2 }
    }
    #[profile]
    pub fn unreadable(n: u8) -> u8 {
        #[allow(clippy::let_and_return)]
        let m = n;
        m
    }
    #[profile]
    pub fn zero_sized(n: usize) -> usize {
        let x = n * 0 + n / 1;
        x + n - n
    }
    #[profile]
    pub extern "C" fn improper(text: String) -> String {
        text
    }
}

#[profile]
pub mod in_a_container {
    fn dead() {}
    pub fn variables(argument: u8) -> u8 {
        let local = 1;
        return 1;
    }
    pub struct S;
    impl S {
        fn dead_method(&self) {}
        pub fn new() -> S {
            S
        }
    }
    pub trait T {
        fn provided(&self, argument: u8) -> u8 {
            let local = 1;
            return 1;
        }
    }
}
