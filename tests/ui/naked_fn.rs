use profile_core::profile;

#[profile]
#[unsafe(naked)]
pub extern "C" fn halt() {
    core::arch::naked_asm!("")
}

fn main() {
    halt();
}
