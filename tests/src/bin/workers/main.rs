//! Programs with worker processes, selected by the first argument. They check what they can check
//! themselves, and end with `done`.

mod killed;
mod pools;
mod processes;

use profile_core::workers;

fn main() {
    let scene = std::env::args().nth(1).expect("the name of a scene");
    if scene == "without_init" {
        return pools::without_init();
    }
    if scene == "hangs_before_init" {
        return pools::hangs_before_init();
    }
    workers::init();
    match &*scene {
        "results" => pools::results(),
        "errors" => pools::errors(),
        "large" => pools::large(),
        "few_in_flight" => pools::few_in_flight(),
        "closing" => pools::closing(),
        "terminating" => pools::terminating(),
        "child" => pools::child(),
        "recorded" => pools::recorded(),
        "stack" => pools::stack(),
        "orphans" => pools::orphans(),
        "exit_codes" => processes::exit_codes(),
        "messages" => processes::messages(),
        "many_messages" => processes::many_messages(),
        "shared_numbers" => processes::shared_numbers(),
        "killed" => killed::killed(),
        "killed_while_idle" => killed::killed_while_idle(),
        _ => panic!("no scene is called {scene}"),
    }
    println!("done");
}
