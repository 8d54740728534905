// Shapes that only edition 2018 has, or that mean something else in it. See `common.rs`.

pub mod bare_trait_object {
    use std::fmt::Display;
    #[profile]
    #[allow(bare_trait_objects)]
    pub fn f(it: &Display) -> Box<Display> {
        Box::new(it.to_string())
    }
    pub fn check() {
        assert_eq!(f(&1).to_string(), "1");
    }
}

pub mod whole_captures {
    #[profile]
    pub fn f(mut pair: (u8, u8)) -> u8 {
        {
            let mut add = || pair.0 += 1;
            add();
        }
        pair.0 + pair.1
    }
    pub fn check() {
        assert_eq!(f((1, 1)), 3);
    }
}

pub mod names_of_later_keywords {
    #[profile]
    pub fn gen(gen: u8) -> u8 {
        gen
    }
    pub fn check() {
        assert_eq!(gen(1), 1);
    }
}

pub mod reborrow {
    #[profile]
    pub async fn f(all: &mut Vec<u8>) -> &mut u8 {
        crate::pause().await;
        &mut all[0]
    }
    pub fn check() {
        *crate::block_on(f(&mut vec![1])) += 1;
    }
}
