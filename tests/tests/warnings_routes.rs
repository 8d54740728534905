//! Routing of warnings: real loggers receive those of the program and of the profiler.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use profile_core::__private::use_mock_clock;
use profile_core::profile;
use profile_core::warnings::{
    UserWarning, catch_warnings, set_show_warning, show_by_log, show_by_tracing,
};
use tests::pass;

/// What a logger wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        let bytes = self.0.lock().expect("no writer panics");
        String::from_utf8(bytes.clone()).expect("text")
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[profile(warn_above = "1 ms")]
fn slow() {
    pass(5_000_000);
}

/// One warning of the program, and one of the profiler.
fn warn() {
    use_mock_clock();
    profile_core::warn!(UserWarning, "{} rows are empty", 3).expect("no filter makes it an error");
    slow();
}

#[test]
fn env_logger_receives_them_as_records() {
    let written = Written::default();
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .format(|to, record| {
            let line = record.line().unwrap_or(0);
            let file = record.file().unwrap_or("");
            writeln!(to, "{} {} {file}:{line} {}", record.level(), record.target(), record.args())
        })
        .target(env_logger::Target::Pipe(Box::new(written.clone())))
        .init();
    let _caught = catch_warnings();
    set_show_warning(Some(show_by_log));
    warn();
    let text = written.text();
    let lines: Vec<&str> = text.lines().collect();
    let [own, limit] = lines[..] else { panic!("{text}") };
    let file = file!();
    assert!(own.starts_with(&format!("WARN profile_core::warnings::UserWarning {file}:")), "{own}");
    assert!(own.ends_with(" 3 rows are empty"), "{own}");
    let target = "WARN profile_core::warnings::TimeLimitWarning ";
    assert!(limit.starts_with(&format!("{target}{file}:")), "{limit}");
    assert!(limit.ends_with("slow: warn_above: 5.00 ms, at most 1.00 ms allowed"), "{limit}");
    log::set_max_level(log::LevelFilter::Error);
    profile_core::warn!("too late").expect("no filter makes it an error");
    assert_eq!(written.text().lines().count(), 2);
}

#[test]
fn tracing_receives_them_as_events_with_fields() {
    let written = Written::default();
    let to = written.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let _caught = catch_warnings();
        set_show_warning(Some(show_by_tracing));
        profile_core::warn!("{} rows are empty", 3).expect("no filter makes it an error");
    });
    let text = written.text();
    assert!(text.contains(" WARN profile_core::warnings: 3 rows are empty "), "{text}");
    for field in ["category=\"UserWarning\"", &format!("file={:?}", file!()), "line="] {
        assert!(text.contains(field), "{field}: {text}");
    }
}
