//! The scheduler's effect on times: a preempted call takes as long as one that had more work to do.

use crate::snapshot::Process;

/// How long threads waited for a processor; 0 where the system does not report it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Machine {
    run_delay_ns: f64,
    switches: f64,
}

impl Machine {
    /// A runnable thread waits no longer than this at a time, even on an overloaded machine or
    /// where a container's quota is used up: the kernel's scheduling periods are at most this long.
    const LONGEST_WAIT_NS: f64 = 100e6;

    pub(super) fn of(process: &Process) -> Machine {
        Machine {
            run_delay_ns: process.run_delay_ns.unwrap_or(0) as f64,
            switches: process.involuntary_switches.unwrap_or(0) as f64,
        }
    }

    /// Whether that many calls may have taken that much longer, in total, because they waited for a
    /// processor. Then it is unknown how much is due to the function.
    pub(super) fn explains(&self, calls: f64, longer_ns: f64) -> bool {
        calls <= self.switches
            && longer_ns <= self.run_delay_ns
            && longer_ns <= calls * Machine::LONGEST_WAIT_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheduler_explains_no_more_than_it_did() {
        let machine = Machine { run_delay_ns: 300e6, switches: 5.0 };
        assert!(machine.explains(1.0, 4e6) && machine.explains(5.0, 300e6));
        assert!(!machine.explains(6.0, 4e6), "more calls than preemptions");
        assert!(!machine.explains(5.0, 301e6), "longer than all waits");
        assert!(!machine.explains(1.0, 101e6), "longer than a single wait");
        assert!(!Machine::default().explains(1.0, 1.0), "unknown");
    }
}
