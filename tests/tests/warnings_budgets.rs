//! Broken budgets are warnings: filters say whether they are shown, hidden, or an error, and the report counts them all.

use tests::{Program, Run};

fn run(filters: &str) -> Run {
    let program = Program::new(env!("CARGO_BIN_EXE_budgets"), "all");
    program.env("PROFILE_WARNINGS", filters).run().successful()
}

/// How often each function was spoken of, and how often each category was counted.
fn told(run: &Run) -> ([usize; 2], [u64; 2]) {
    let shown = ["::allocates: max_allocations", "::takes_time: max_time"];
    let counted = ["AllocationBudgetWarning", "TimeBudgetWarning"];
    let count = |category: &str| {
        let warnings = run.report().warnings.iter();
        warnings.filter(|warning| warning.category == category).map(|warning| warning.count).sum()
    };
    (shown.map(|words| run.stderr().matches(words).count()), counted.map(count))
}

#[test]
fn a_budget_is_spoken_of_once_for_each_function_and_counted_each_time() {
    assert_eq!(told(&run("")), ([1, 1], [3, 3]));
}

#[test]
fn filters_say_by_category_text_and_module_what_is_shown() {
    assert_eq!(told(&run("ignore")), ([0, 0], [3, 3]));
    assert_eq!(told(&run("ignore::MemoryWarning")), ([0, 1], [3, 3]));
    assert_eq!(told(&run("always::PerformanceWarning")), ([1, 3], [3, 3]));
    assert_eq!(told(&run("always,ignore::TimeBudgetWarning")), ([3, 0], [3, 3]));
    assert_eq!(told(&run("ignore:budgets..allocates")), ([1, 1], [3, 3]), "no expression");
    assert_eq!(told(&run("ignore:budgets:::")), ([0, 0], [3, 3]));
    assert_eq!(told(&run("ignore:::elsewhere")), ([1, 1], [3, 3]));
}

#[test]
fn an_error_is_a_panic_with_the_warning_as_its_payload() {
    let run = run("error::AllocationBudgetWarning");
    let printed = run.stdout();
    assert!(printed.starts_with("true\n"), "{printed}");
    assert!(
        printed.contains("AllocationBudgetWarning: budgets::allocates: max_allocations: 1 "),
        "{printed}"
    );
    assert_eq!(told(&run), ([1, 0], [1, 0]));
}
