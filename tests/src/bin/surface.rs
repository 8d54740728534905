//! The whole API of the crate, to be built with and without the feature `profile`: a library leaves
//! the feature to the application, and neither must need changes for it.

use std::process::Command;
use std::time::Duration;

use profile_core::{
    Backend, Budget, Kind, MemoryOptions, ProfilingAllocator, Settings, Sort, assert_allocations,
    assert_ledger, assert_no_leak, capture, context, find, find_all, functions, measure,
    memory_usage, profile, span, write_reports,
};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator<std::alloc::System> =
    ProfilingAllocator::new(std::alloc::System);

#[profile(overhead = "50%")]
fn work(number: u32) -> u32 {
    let _span = span!("inside");
    number + 1
}

#[memory_usage(interval = "1ms", max_peak = "1 GiB")]
fn watched() -> u32 {
    work(1)
}

fn main() {
    let settings = Settings::new().sort(Sort::Exclusive).resident_interval(Duration::from_secs(1));
    let settings = settings.report("none").and_then(|it| it.overhead("exact"));
    let settings = settings.and_then(|it| it.percentiles(&[50.0])).expect("good");
    settings.block_sizes(true).exit_code(std::num::NonZero::<u8>::MIN).apply();

    for site in find_all("work").into_iter().chain(find("work")).chain(functions()) {
        site.set_budget(Some(Budget::Exact));
        site.set_enabled(true);
        assert!(site.is_enabled() && site.path().ends_with(site.name()));
        assert!(site.kind() != Kind::Async && site.file().ends_with("surface.rs"));
        assert!(site.line() > 0 && site.column() > 0 && site.module() == module_path!());
        assert!(site.documentation().is_empty() && !site.signature().contains("async"));
        drop(site.statistics());
    }
    let handed_on = context();
    let spawned = profile_core::thread::spawn(|| work(1)).join().expect("it ends");
    let entered = handed_on.enter();
    drop(entered);
    println!(
        "sum {}",
        watched() + spawned + handed_on.run(|| work(1)) + handed_on.wrap(|| work(1))()
    );

    let options = MemoryOptions::new().name("all").interval(Duration::from_millis(1));
    let options = options.timeout(Duration::from_millis(1)).max_iterations(2).backend(Backend::Rss);
    let options = options.include_children(true).multiprocess(true).stream(std::io::sink());
    println!("usage {}", memory_usage(&options, || work(1)).value);
    let command = profile_core::memory_usage_of_command(&mut Command::new("true"), &options);
    println!("command {}", command.expect("it runs").value.success());
    drop(profile_core::memory_usage_of(std::process::id(), &options));
    drop(profile_core::memory_usage_for(Duration::ZERO, &options));

    let measured = measure(|| work(1));
    println!("measured {} {}", measured.value, measured.allocations.is_some());
    let asserted = std::panic::catch_unwind(|| {
        assert_no_leak!(work(1));
        if false {
            assert_ledger!("work", work(1));
        }
        assert_allocations!(== 0, work(1))
    });
    println!("asserted {}", asserted.is_ok());
    println!("recorded {}", capture().function("work").is_some());
    write_reports();
}
