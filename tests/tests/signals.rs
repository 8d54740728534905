//! Signal handlers that call annotated functions.

use tests::Program;

#[test]
fn a_handler_may_come_at_any_instruction_and_no_call_is_lost() {
    for overhead in ["auto", "exact", "1/64"] {
        let program = Program::new(env!("CARGO_BIN_EXE_signals"), "");
        program.env("PROFILE_OVERHEAD", overhead).run().successful();
    }
}
