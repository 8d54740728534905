// Shapes that only edition 2021 has, or that mean something else in it. See `common.rs`.

pub mod disjoint_captures {
    #[profile]
    pub fn f(mut pair: (String, String)) -> usize {
        let first = &mut pair.0;
        let add = || pair.1.len();
        first.push('a');
        add() + pair.0.len()
    }
    #[profile]
    pub async fn g(pair: (String, u8)) -> usize {
        let moved = async move { pair.0 };
        crate::pause().await;
        moved.await.len() + usize::from(pair.1)
    }
    pub fn check() {
        assert_eq!(f((String::new(), String::new())), 1);
        assert_eq!(crate::block_on(g((String::new(), 1))), 1);
    }
}

pub mod tail_temporary {
    use std::cell::RefCell;
    #[profile]
    pub fn f(cell: &RefCell<Vec<u8>>) -> usize {
        let len = cell.borrow().len();
        len + cell.borrow().len()
    }
    pub fn check() {
        assert_eq!(f(&RefCell::new(vec![1])), 2);
    }
}

pub mod arrays_by_value {
    #[profile]
    pub fn f(array: [String; 2]) -> String {
        array.into_iter().collect()
    }
    pub fn check() {
        assert_eq!(f(["a".into(), "b".into()]), "ab");
    }
}

pub mod panic_format {
    #[profile]
    pub fn f(n: u8) -> u8 {
        assert!(n > 0, "{n}");
        n
    }
    pub fn check() {
        assert_eq!(f(1), 1);
    }
}
