//! A program with its input.

#![allow(unsafe_code, reason = "reads figures of the operating system")]

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::roster::Program;

pub(crate) struct Case<'a> {
    pub(crate) program: &'static Program,
    /// Arguments after the program's own.
    pub(crate) given: Vec<PathBuf>,
    /// The working folder of the driver.
    pub(crate) work: &'a Path,
}

impl Case<'_> {
    /// The program as one of [`crate::build::BUILDS`].
    pub(crate) fn executable(&self, build: &str) -> PathBuf {
        self.work.join("bin").join(format!("{}-{build}", self.program.name))
    }

    /// The child gets the program's arguments, discards its output, and runs all its threads on one
    /// processor.
    pub(crate) fn connect(&self, command: &mut Command) {
        command.args(self.program.arguments).args(&self.given);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: between fork and exec, pinning makes two system calls and allocates nothing.
        unsafe {
            command.pre_exec(|| {
                benches::pin(1);
                Ok(())
            });
        }
    }
}
