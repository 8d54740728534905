use profile_core::profile;

macro_rules! make {
    ($name:ident) => {
        fn $name() {}
    };
}

#[profile]
make!(f);

fn main() {
    f();
}
