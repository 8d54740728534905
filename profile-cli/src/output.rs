//! What the tool prints: results to standard output, errors to standard error.

use std::io::{self, Write as _};

/// An error that ends the tool, as a sentence.
pub(crate) type Diagnostic = String;

/// Prints a line to standard error, ignoring errors.
pub(crate) fn print_error(what: &str) {
    let _ = writeln!(io::stderr(), "profile: {what}");
}

/// A reader that has seen enough is no error.
pub(crate) fn print(text: &[u8]) -> Result<(), Diagnostic> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}
