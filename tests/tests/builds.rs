//! Programs built in other ways than the tests: with `panic = "abort"` and optimized (the endings
//! again, and the stack that a guard needs), with a library that leaves the feature to its user,
//! with a plugin, and with the feature that installs the allocator.

use std::os::unix::process::ExitStatusExt;
use std::sync::OnceLock;

use tests::{Program, Run, Workspace, calls, core_dependency, row};

/// Only the tested code is optimized; the rest would take most of the time.
const PROFILE: &str = "[profile.release]
panic = \"abort\"
opt-level = 0
[profile.release.package.profile-core]
opt-level = 3
[profile.release.package.endings]
opt-level = 3
";

const LIBRARY: &str = "//! A library that leaves it to its user whether anything is measured.
/// Measured, if at all.
#[profile_core::profile]
pub fn of_a_library() {
    std::hint::black_box(0);
}
";

const USER: &str = "//! Calls a library.
fn main() {
    (0..5).for_each(|_| library::of_a_library());
}
";

const PLUGIN: &str = "//! Loaded while the program runs; it has a copy of its own of everything.
#[profile_core::profile]
fn of_a_plugin() {
    std::hint::black_box(0);
}

/// The function that the host calls.
#[unsafe(no_mangle)]
pub extern \"C\" fn call_plugin() {
    of_a_plugin();
}
";

const HOST: &str = "//! Loads a plugin, calls it and lets it go, a hundred times; each time in a new thread if asked to.
#[profile_core::profile]
fn load(path: &std::ffi::CStr) {
    // SAFETY: the plugin has a function of this name and type, and is loaded while it runs.
    unsafe {
        let plugin = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!plugin.is_null(), \"no plugin\");
        let call = libc::dlsym(plugin, c\"call_plugin\".as_ptr());
        assert!(!call.is_null(), \"no function\");
        std::mem::transmute::<*mut libc::c_void, extern \"C\" fn()>(call)();
        assert_eq!(libc::dlclose(plugin), 0);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let path = std::ffi::CString::new(&*arguments[2]).expect(\"no NUL in a path\");
    for _ in 0..100 {
        match &*arguments[1] {
            \"threads\" => std::thread::scope(|scope| drop(scope.spawn(|| load(&path)))),
            _ => load(&path),
        }
    }
}
";

fn built() -> &'static Workspace {
    static BUILT: OnceLock<Workspace> = OnceLock::new();
    BUILT.get_or_init(|| {
        let members = ["endings", "library", "plugin"];
        let workspace = Workspace::new(env!("CARGO_TARGET_TMPDIR"), "builds", &members, PROFILE);
        let dependencies =
            core_dependency("") + "libc = \"0.2\"\nlibrary = { path = \"../library\" }\n";
        workspace.add(
            "endings",
            &dependencies,
            &[
                ("src/bin/endings/main.rs", include_str!("../src/bin/endings/main.rs")),
                ("src/bin/endings/scenes.rs", include_str!("../src/bin/endings/scenes.rs")),
                ("src/bin/endings_plain.rs", include_str!("../src/bin/endings_plain.rs")),
                ("src/bin/depth.rs", include_str!("../src/bin/depth.rs")),
                ("src/bin/user.rs", USER),
                ("src/bin/host.rs", HOST),
            ],
        );
        let off = core_dependency(", default-features = false");
        workspace.add("library", &off, &[("src/lib.rs", LIBRARY)]);
        let dynamic = core_dependency("") + "[lib]\ncrate-type = [\"cdylib\"]\n";
        workspace.add("plugin", &dynamic, &[("src/lib.rs", PLUGIN)]);
        workspace.build();
        workspace
    })
}

fn ending(scene: &str) -> Run {
    Program::new(&built().program("endings"), scene).recording_into_files().run()
}

#[test]
fn a_panic_aborts_with_one_report_in_which_its_call_is_open() {
    for scene in ["panic", "caught_panic", "double_panic"] {
        let run = ending(scene);
        let plain = Program::new(&built().program("endings_plain"), scene).run();
        assert_eq!(run.status(), plain.status(), "{scene}");
        assert_eq!(run.status().signal(), Some(libc::SIGABRT), "{scene}");
        for snapshot in [run.report(), &run.segment()] {
            assert_eq!(calls(snapshot, "work"), 20, "{scene}");
            let fails = row(snapshot, "fails");
            assert_eq!((fails.calls, fails.open, fails.panicked), (1, 1, 0), "{scene}");
        }
    }
}

#[test]
fn the_other_endings_are_those_of_a_program_that_unwinds() {
    let scenes = [
        ("return", 1),
        ("exit", 1),
        ("exit_in_thread", 1),
        ("detached", 1),
        ("atexit", 1),
        ("abort", 0),
        ("_exit", 0),
        ("kill", 0),
        ("overflow", 0),
        ("exec", 0),
    ];
    for (scene, reports) in scenes {
        let run = ending(scene);
        let plain = Program::new(&built().program("endings_plain"), scene).run();
        assert_eq!(run.status(), plain.status(), "{scene}: {}", run.stderr());
        assert_eq!(run.reports.len(), reports, "{scene}: {}", run.stderr());
        assert_eq!(calls(&run.segment(), "work"), 20, "{scene}");
    }
}

#[test]
fn the_guard_leaves_a_third_of_the_depth_that_a_plain_recursion_reaches() {
    let run = Program::new(&built().program("depth"), "").run().successful();
    let (plain, measured) = (run.figure("plain"), run.figure("measured"));
    let ratio = measured as f64 / plain as f64;
    println!("depth in 1 MiB of stack: plain {plain}, measured {measured}, ratio {ratio:.2}");
    assert!(ratio >= 1.0 / 3.0, "{measured} of {plain}");
    assert_eq!(calls(run.report(), "measured"), measured.cast_unsigned());
}

#[test]
fn a_library_that_leaves_the_switch_to_its_user_is_measured_when_the_user_turns_it_on() {
    let run = Program::new(&built().program("user"), "").run().successful();
    assert_eq!(calls(run.report(), "of_a_library"), 5);
}

#[test]
fn without_its_feature_a_png_is_one_line_and_a_warning_and_the_other_reports_are_written() {
    let program = Program::new(&built().program("user"), "");
    let folder = program.folder().to_owned();
    let [png, json] = ["x.png", "reports"].map(|name| folder.join(name).display().to_string());
    let run = program.env("PROFILE_REPORT", format!("png:{png},json:{json}")).run().successful();
    let message = "PROFILE_REPORT: `png` cannot be written: this program was built without the feature `png` of \
                profile-core; build it with that, or ask for `svg`; ignored";
    assert_eq!(run.stderr(), format!("profile: ConfigurationWarning: {message}\n"));
    assert_eq!(calls(run.report(), "of_a_library"), 5);
    let [warning] = &run.report().warnings[..] else { panic!("{:?}", run.report().warnings) };
    assert_eq!(warning.message, message);
    assert!(!folder.join("x.png").exists());
}

fn host(mode: &str) -> Run {
    let plugin = built().program("libplugin.so");
    Program::new(&built().program("host"), mode).arg(plugin).run()
}

#[test]
fn a_plugin_reports_its_calls_when_it_is_unloaded_and_the_host_its_own() {
    let run = host("main").successful();
    let sum = |function| run.reports.iter().map(|report| calls(report, function)).sum::<u64>();
    assert_eq!((sum("load"), sum("of_a_plugin")), (100, 100));
}

#[test]
fn a_thread_that_called_a_plugin_can_end_after_the_plugin_was_let_go() {
    let run = host("threads").successful();
    let sum = |function| run.reports.iter().map(|report| calls(report, function)).sum::<u64>();
    assert_eq!((sum("load"), sum("of_a_plugin")), (100, 100));
}

/// A separate workspace: features of a build apply to all its programs.
#[test]
fn a_feature_installs_the_allocator_without_a_line() {
    const MAIN: &str = "//! Allocates.
#[profile_core::profile]
fn allocates() -> Vec<u8> {
    std::hint::black_box(Vec::with_capacity(1000))
}

fn main() {
    drop(allocates());
}
";
    let plain = "[profile.release]\nopt-level = 0\n";
    let workspace = Workspace::new(env!("CARGO_TARGET_TMPDIR"), "installed", &["installed"], plain);
    let dependency = core_dependency(", features = [\"global-allocator\"]");
    workspace.add("installed", &dependency, &[("src/main.rs", MAIN)]);
    workspace.build();
    let run = Program::new(&workspace.program("installed"), "").run().successful();
    let row = row(run.report(), "allocates");
    assert_eq!((row.allocations, row.allocated_bytes), (Some(1), Some(1000)));
}
