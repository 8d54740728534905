//! What the machine did to the times: a call from which the scheduler took the processor is as long
//! as one that had more to do.

use crate::snapshot::Process;

/// How much threads waited for a processor; nothing where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Machine {
    run_delay_ns: f64,
    switches: f64,
}

impl Machine {
    /// A thread that is ready to run waits no longer at a time, not even on a crowded machine or
    /// where a container's share of it is used up: the kernel divides time into periods of at most
    /// so much.
    const LONGEST_WAIT_NS: f64 = 100e6;

    pub(super) fn of(process: &Process) -> Machine {
        Machine {
            run_delay_ns: process.run_delay_ns.unwrap_or(0) as f64,
            switches: process.involuntary_switches.unwrap_or(0) as f64,
        }
    }

    /// Whether so many calls may have taken so much longer, all together, because they waited for a
    /// processor. Then nobody knows what the function had to do with it.
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
        assert!(!machine.explains(6.0, 4e6), "so often it took no processor away");
        assert!(!machine.explains(5.0, 301e6), "so long nobody waited");
        assert!(!machine.explains(1.0, 101e6), "so long nobody waits at a time");
        assert!(!Machine::default().explains(1.0, 1.0), "it is not known");
    }
}
