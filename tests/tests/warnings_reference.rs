//! Warnings are filtered as in Python: `warnings_*.json` was recorded from CPython 3.11.
//! `REFERENCE_DIR` names a folder with others. A single test, since sources are looked up in the
//! current folder.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::{Arc, Mutex};

use profile_core::warnings::{
    Action, AnyWarning, CatchWarnings, Category, Filter, InvalidOption, Pattern, Place,
    RaisedWarning, Registry, Warning, catch_warnings, filter_warnings, filters, format_warning,
    module_registry, once_registry, parse_option, reset_warnings, set_default_action, set_option,
    set_options, set_show_warning, simple_filter, warn, warn_explicit,
};
use serde_json::{Value, json};
use tests::{Folder, vectors};

fn cases(vectors: &Value) -> &[Value] {
    vectors["cases"].as_array().expect("cases")
}

/// Python's built-in categories and those of a scenario.
struct Categories(HashMap<String, &'static Category>);

impl Categories {
    fn of(own: &Value) -> Categories {
        const BUILT_IN: [&str; 12] = [
            "Warning",
            "UserWarning",
            "DeprecationWarning",
            "PendingDeprecationWarning",
            "FutureWarning",
            "SyntaxWarning",
            "RuntimeWarning",
            "ImportWarning",
            "UnicodeWarning",
            "BytesWarning",
            "EncodingWarning",
            "ResourceWarning",
        ];
        let built_in = |name: &str| parse_option(&format!("error::{name}")).expect(name).category;
        let mut known: HashMap<String, &'static Category> =
            BUILT_IN.iter().map(|name| ((*name).to_owned(), built_in(name))).collect();
        for category in own.as_array().into_iter().flatten() {
            let name = category["name"].as_str().expect("a name");
            let parents: Vec<&'static Category> = category["bases"]
                .as_array()
                .expect("bases")
                .iter()
                .map(|base| known[base.as_str().expect("a name")])
                .collect();
            // A category is a static, so those of a test are leaked.
            let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
            let parents: &'static [&'static Category] = Box::leak(parents.into_boxed_slice());
            let category: &'static Category =
                Box::leak(Box::new(Category::new(name, "main", parents)));
            known.insert(name.to_owned(), category);
        }
        Categories(known)
    }

    fn get(
        &self,
        name: Option<&Value>,
        otherwise: &'static Category,
    ) -> Result<&'static Category, Skip> {
        match name {
            None | Some(Value::Null) => Ok(otherwise),
            Some(Value::String(name)) => {
                self.0.get(name).copied().ok_or("a category is a Category: no other types")
            }
            Some(_) => Err("a category is a Category: no other types"),
        }
    }
}

/// Why a scenario has no counterpart.
type Skip = &'static str;

/// A run of one scenario.
struct Run {
    categories: Categories,
    registries: HashMap<String, Registry>,
    contexts: Vec<(String, CatchWarnings)>,
    shown: Arc<Mutex<Vec<String>>>,
}

impl Run {
    fn step(&mut self, step: &Value) -> Result<Value, Skip> {
        let text = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or("");
        let line = || match step.get("lineno") {
            None => Ok(0),
            Some(line) => line.as_u64().ok_or("a line is a number from 0"),
        };
        let append = step.get("append").is_some_and(|append| append == true);
        let category = self.categories.get(step.get("category"), &AnyWarning);
        match text("do") {
            "filterwarnings" | "simplefilter" => {
                if step.get("lineno").is_some_and(Value::is_boolean) {
                    return Err("a line is a number");
                }
                // A negative line is rejected first.
                let (category, Ok(line)) = (category?, line()) else {
                    return Ok(json!({"outcome": "call_error"}));
                };
                let action: Action = match text("action").parse() {
                    Ok(action) => action,
                    Err(_) => return Ok(json!({"outcome": "call_error"})),
                };
                if text("do") == "simplefilter" {
                    simple_filter(action, category, line, append);
                } else if has_no_counterpart(text("message")) {
                    return Err("there is no look-ahead in expressions here");
                } else if filter_warnings(
                    action,
                    text("message"),
                    category,
                    text("module"),
                    line,
                    append,
                )
                .is_err()
                {
                    return Ok(json!({"outcome": "call_error"}));
                }
                Ok(Value::Null)
            }
            "resetwarnings" => {
                reset_warnings();
                Ok(Value::Null)
            }
            "setoption" => {
                set_option(text("arg"))
                    .map_err(|_| "an option that is wrong has its own vectors")?;
                Ok(json!({"filter": shown_filter(&filters()[0])}))
            }
            "filters" => {
                Ok(json!({"filters": filters().iter().map(shown_filter).collect::<Vec<_>>()}))
            }
            "enter" => self.enter(step),
            "exit" => {
                let name = text("name");
                let at =
                    self.contexts.iter().rposition(|(known, _)| known == name).expect("entered");
                let (_, context) = self.contexts.remove(at);
                let log: Vec<String> = context.recorded().iter().map(formatted).collect();
                let records = context.records();
                drop(context);
                Ok(json!({"log": if records { json!(log) } else { Value::Null }}))
            }
            "warn" => self.warn(step),
            "warn_explicit" => self.warn_explicit(step),
            "registry" => {
                let registry = match step.get("name") {
                    Some(name) => self.registries.get(name.as_str().expect("a name")).cloned(),
                    None => module_registry(text("module")),
                };
                Ok(json!({"registry": registry.map(|registry| shown_registry(&registry, false))}))
            }
            "onceregistry" => Ok(json!({"registry": shown_registry(&once_registry(), true)})),
            "set_defaultaction" => {
                let action = text("value").parse().map_err(|_| "an action is one of six")?;
                set_default_action(action);
                Ok(Value::Null)
            }
            "clear_onceregistry" | "clear_registry" => Err("nobody clears it by hand"),
            "raw_filter_insert" => Err("a filter's action is one of six"),
            "reenter" | "exit_without_enter" => {
                Err("a guard is entered when it is made, and left once")
            }
            "hook_showwarning" | "hook_formatwarning" => {
                Err("the hook of this test stands for standard error")
            }
            other => panic!("{other}"),
        }
    }

    fn enter(&mut self, step: &Value) -> Result<Value, Skip> {
        let mut context = catch_warnings();
        if step.get("record").is_some_and(|record| record == true) {
            context = context.record();
        }
        if let Some(action) = step.get("action").and_then(Value::as_str) {
            let Ok(action) = action.parse() else {
                return Ok(json!({"outcome": "call_error"}));
            };
            let append = step.get("append").is_some_and(|append| append == true);
            let category = self.categories.get(step.get("category"), &AnyWarning)?;
            let line = step.get("lineno").and_then(Value::as_u64).unwrap_or(0);
            context = context.filter(action, category, line, append);
        }
        self.contexts.push((step["name"].as_str().expect("a name").to_owned(), context));
        Ok(Value::Null)
    }

    /// A text, or an instance of a category, which is a text and a category.
    fn message(&self, step: &Value) -> Result<(String, &'static Category), Skip> {
        let user = self.categories.0["UserWarning"];
        match &step["message"] {
            Value::String(text) => {
                Ok((text.clone(), self.categories.get(step.get("category"), user)?))
            }
            message => {
                let name = message.get("instance_of").ok_or("a message is a text")?;
                let category = self.categories.get(Some(name), user)?;
                match message["args"].as_array().map(Vec::as_slice) {
                    Some([Value::String(text)]) => Ok((text.clone(), category)),
                    _ => Err("a message is one text"),
                }
            }
        }
    }

    fn warn(&mut self, step: &Value) -> Result<Value, Skip> {
        let (message, category) = self.message(step)?;
        // The location determines the frame.
        let level = match step.get("stacklevel") {
            None => 1,
            Some(level) => level.as_i64().ok_or("a level is a whole number")?.max(1) as usize,
        };
        let frames = step["frames"].as_array().expect("frames");
        let Some(frame) = frames.len().checked_sub(level).map(|at| &frames[at]) else {
            let place = Place { file: "sys", line: 1, module: Some("sys") };
            return Ok(self.outcome(|| warn(&message, category, place)));
        };
        let module = if frame["no_name"] == true {
            "<string>"
        } else {
            frame["module"].as_str().expect("a module")
        };
        let place = Place {
            file: frame["filename"].as_str().expect("a file"),
            line: frame["lineno"].as_u64().expect("a line"),
            module: Some(module),
        };
        Ok(self.outcome(|| warn(&message, category, place)))
    }

    fn warn_explicit(&mut self, step: &Value) -> Result<Value, Skip> {
        let (message, category) = self.message(step)?;
        let place = Place {
            file: step["filename"].as_str().ok_or("a file has a name")?,
            line: step["lineno"].as_u64().ok_or("a line is a number from 0")?,
            module: step.get("module").and_then(Value::as_str),
        };
        let name = step.get("registry").and_then(Value::as_str);
        let mut registry = name.map(|name| self.registries.remove(name).unwrap_or_default());
        let outcome = self.outcome(|| warn_explicit(&message, category, place, registry.as_mut()));
        if let (Some(name), Some(registry)) = (name, registry) {
            self.registries.insert(name.to_owned(), registry);
        }
        Ok(outcome)
    }

    fn outcome(&self, work: impl FnOnce() -> Result<(), RaisedWarning>) -> Value {
        let recorded = || {
            self.contexts.iter().map(|(_, context)| context.recorded().len()).collect::<Vec<_>>()
        };
        let before = recorded();
        let result = work();
        if let Err(RaisedWarning(raised)) = result {
            return json!({"outcome": "raised", "type": raised.category.name(), "message": raised.message});
        }
        if let Some(text) = self.shown.lock().expect("no panic").pop() {
            return json!({"outcome": "shown", "text": text});
        }
        let grown = before.iter().zip(recorded()).position(|(before, after)| *before != after);
        match grown {
            Some(at) => {
                let (name, context) = &self.contexts[at];
                let log = context.recorded();
                json!({"outcome": "recorded", "by": name, "text": formatted(log.last().expect("it grew")), "log_length": log.len()})
            }
            None => json!({"outcome": "suppressed"}),
        }
    }
}

fn formatted(warning: &Warning) -> String {
    format_warning(&warning.message, warning.category, &warning.file, warning.line, None)
}

fn shown_filter(filter: &Filter) -> Value {
    json!([
        filter.action.name(),
        filter.message.as_ref().map(Pattern::as_str),
        filter.category.name(),
        filter.module.as_ref().map(Pattern::as_str),
        filter.line,
    ])
}

/// Entries, sorted. `by_process`: without lines.
fn shown_registry(registry: &Registry, by_process: bool) -> Value {
    let keys = registry.entries().map(|(text, category, line)| match by_process {
        true => json!([text, category.name()]),
        false => json!([text, category.name(), line]),
    });
    json!({"keys": sorted(keys.collect()), "has_version": registry.is_in_use()})
}

fn sorted(mut keys: Vec<Value>) -> Vec<Value> {
    keys.sort_by_key(Value::to_string);
    keys
}

/// Patterns that would take exponential time, and the one letter that Python folds differently from
/// Unicode's simple folding.
fn has_no_counterpart(expression: &str) -> bool {
    expression.contains("(?!")
}

/// Python's result of a step.
fn expected(expected: Value) -> Value {
    let mut expected = without_plain_strings(expected);
    let fields: BTreeSet<&str> = ["outcome", "text", "type", "message", "by", "log_length"].into();
    match expected["outcome"].as_str() {
        Some("call_error") => json!({"outcome": "call_error"}),
        Some(_) => {
            let object = expected.as_object_mut().expect("an outcome");
            object.retain(|key, _| fields.contains(key.as_str()));
            expected
        }
        None => {
            if let Some(keys) = expected.pointer_mut("/registry/keys").and_then(Value::as_array_mut)
            {
                *keys = sorted(std::mem::take(keys));
            }
            expected
        }
    }
}

/// Python's first filter names its module by a string instead of an expression:
/// `{"str": "__main__"}`. Its integers are unbounded.
fn without_plain_strings(value: Value) -> Value {
    match value {
        Value::Object(mut object) if object.len() == 1 && object.contains_key("str") => {
            object["str"].take()
        }
        Value::Object(object) => {
            object.into_iter().map(|(key, value)| (key, without_plain_strings(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(without_plain_strings).collect(),
        // A line beyond every file's.
        Value::Number(number) if number.as_u64().is_none() => json!(u64::MAX),
        other => other,
    }
}

fn run_scenario(scenario: &Value) -> Result<Result<(), String>, Skip> {
    let own = scenario.get("categories").cloned().unwrap_or(json!([]));
    if own.as_array().expect("a list").iter().any(|category| category.get("str").is_some()) {
        return Err("a category has no text of its own");
    }
    let folder = Folder::new();
    std::env::set_current_dir(folder.path()).expect("a folder");
    for (path, text) in scenario.get("files").and_then(Value::as_object).into_iter().flatten() {
        let path = std::path::Path::new(path);
        path.parent().map(fs::create_dir_all).transpose().expect("a folder");
        fs::write(path, text.as_str().expect("text")).expect("written");
    }
    // Each scenario begins with a fresh interpreter: here, with its own thread and a guard in it.
    let scenario = scenario.clone();
    let thread = std::thread::spawn(move || {
        let fresh = catch_warnings();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let to = shown.clone();
        set_show_warning(Some(move |warning: &Warning| {
            to.lock().expect("no panic").push(formatted(warning));
        }));
        if scenario.get("reset").is_none_or(|reset| reset == true) {
            reset_warnings();
        }
        if let Some(variable) = scenario.get("variable").and_then(Value::as_str) {
            let line = scenario["line"].as_array().expect("options").iter();
            let wrong = line.filter_map(Value::as_str).filter(|option| set_option(option).is_err());
            let diagnostics = set_options(variable).len() + wrong.count();
            if json!(diagnostics) != scenario["diagnostics"] {
                return Ok(Err(format!("{diagnostics} diagnostics")));
            }
        }
        let mut run = Run {
            categories: Categories::of(&own),
            registries: HashMap::new(),
            contexts: Vec::new(),
            shown,
        };
        let steps = scenario["steps"].as_array().expect("steps");
        let mut wrong = Ok(());
        for (number, step) in steps.iter().enumerate() {
            let got = run.step(step)?;
            let documented =
                scenario.get("fallback_differs").and_then(|it| it.get(number.to_string()));
            let python = documented.unwrap_or(&scenario["expect"][number]).clone();
            if got != expected(python.clone()) && wrong.is_ok() {
                wrong = Err(format!("step {number} {step}: {got} in place of {python}"));
            }
        }
        let left: Vec<Value> = filters().iter().map(shown_filter).collect();
        if wrong.is_ok()
            && scenario
                .get("filters_at_end")
                .is_some_and(|end| json!(left) != without_plain_strings(end.clone()))
        {
            wrong = Err(format!("filters at the end: {left:?}"));
        }
        run.contexts.into_iter().rev().for_each(|(_, context)| drop(context));
        drop(fresh);
        Ok(wrong)
    });
    thread.join().expect("no panic")
}

/// How many vectors were checked, and how many have no counterpart.
type Counts = [usize; 2];

fn scenarios() -> Counts {
    let vectors = vectors("warnings_scenarios.json");
    let (mut passed, mut wrong) = (0, Vec::new());
    let mut skipped: BTreeMap<Skip, usize> = BTreeMap::new();
    for scenario in cases(&vectors) {
        match run_scenario(scenario) {
            Ok(Ok(())) => passed += 1,
            Ok(Err(message)) => {
                wrong.push(format!("{} {}: {message}", scenario["id"], scenario["title"]));
            }
            Err(why) => *skipped.entry(why).or_default() += 1,
        }
    }
    println!("scenarios: {passed} passed; without counterpart {skipped:#?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
    [passed, skipped.values().sum()]
}

/// Options at the start: the variable first, then the command line, and a text counts once.
fn startups() -> Counts {
    let vectors = vectors("warnings_startup.json");
    let (mut passed, mut skipped) = (0, 0);
    for case in cases(&vectors) {
        let has_flags = case["flags"].as_array().is_some_and(|flags| !flags.is_empty());
        if has_flags || case.get("crashed").is_some_and(|crashed| !crashed.is_null()) {
            // Flags of the interpreter, and names that are imported there.
            skipped += 1;
            continue;
        }
        let variable = case["PYTHONWARNINGS"].as_str().unwrap_or("");
        let mut line: Vec<&str> = Vec::new();
        for option in case["W"].as_array().expect("options").iter().filter_map(Value::as_str) {
            if !line.contains(&option)
                && !variable.split(',').any(|other| !other.is_empty() && other == option)
            {
                line.push(option);
            }
        }
        // A line number so large that Python itself fails.
        if case["expect"].to_string().contains("OverflowError") {
            skipped += 1;
            continue;
        }
        let mut scenario = case.clone();
        scenario["reset"] = json!(false);
        let first = line.last().copied().unwrap_or(variable);
        if parse_option(first).is_ok_and(|filter| filter.action == Action::Once) {
            let mut seen = BTreeSet::new();
            for (step, expect) in case["steps"].as_array().expect("steps").iter().zip(0_usize..) {
                // Recorded from the C core, whose `once` is once per module.
                if !seen.insert((step["message"].to_string(), step["category"].to_string())) {
                    scenario["expect"][expect] = json!({"outcome": "suppressed"});
                }
            }
        }
        scenario["variable"] = json!(variable);
        scenario["line"] = json!(line);
        scenario["diagnostics"] =
            json!(case["startup_stderr"].as_str().unwrap_or("").lines().count());
        match run_scenario(&scenario) {
            Ok(Ok(())) => passed += 1,
            Ok(Err(message)) => panic!("{}: {message}", case["id"]),
            Err(_) => skipped += 1,
        }
    }
    println!("startups: {passed} passed, {skipped} without counterpart");
    [passed, skipped]
}

fn options() -> Counts {
    let vectors = vectors("warnings_setoption.json");
    let (mut passed, mut skipped) = (0, 0);
    for case in cases(&vectors) {
        let option = case["option"].as_str().expect("an option");
        let got = parse_option(option);
        if let Some(filter) = case["result"].get("filter") {
            let got = got.unwrap_or_else(|error| panic!("{option:?}: {error}"));
            assert_eq!(shown_filter(&got), without_plain_strings(filter.clone()), "{option:?}");
            passed += 1;
        } else if let Some(diagnostic) = case["result"].get("invalid").and_then(Value::as_str) {
            let error = got.expect_err(option);
            let is_same = match &error {
                InvalidOption::TooManyFields(_) => diagnostic.starts_with("too many fields"),
                InvalidOption::UnknownAction(_) => diagnostic.starts_with("invalid action"),
                InvalidOption::UnknownCategory(_) => {
                    diagnostic.contains("warning category")
                        || diagnostic.starts_with("invalid module name")
                }
                InvalidOption::InvalidLine(_) => diagnostic.starts_with("invalid lineno"),
                _ => false,
            };
            assert!(is_same, "{option:?}: {error} in place of {diagnostic}");
            passed += 1;
        } else {
            // Python fails on a name that is not a class.
            assert!(matches!(got, Err(InvalidOption::UnknownCategory(_))), "{option:?}");
            skipped += 1;
        }
    }
    println!("options: {passed} passed, {skipped} without counterpart");
    [passed, skipped]
}

fn formats() -> Counts {
    let vectors = vectors("warnings_format.json");
    for (path, text) in vectors["files"].as_object().expect("files") {
        fs::write(path, text.as_str().expect("text")).expect("written");
    }
    let categories = Categories::of(&vectors["categories"]);
    let (mut passed, mut skipped) = (0, 0);
    for case in cases(&vectors) {
        // An instance is converted to its text.
        let message = &case["message"];
        let message = message.as_str().or_else(|| message["args"][0].as_str());
        let (Some(line), Some(message)) = (case["lineno"].as_u64(), message) else {
            skipped += 1;
            continue;
        };
        let category = categories.get(case.get("category"), &AnyWarning).expect("a category");
        let file = case["filename"].as_str().expect("a file");
        let source = case.get("line").and_then(Value::as_str);
        let text = format_warning(message, category, file, line, source);
        assert_eq!(text, case["text"].as_str().expect("text"), "{case}");
        passed += 1;
    }
    println!("formats: {passed} passed, {skipped} without counterpart");
    [passed, skipped]
}

#[test]
fn warnings_are_those_of_python() {
    let scenarios = scenarios();
    let folder = Folder::new();
    std::env::set_current_dir(folder.path()).expect("a folder");
    let all = [scenarios, options(), formats(), startups()];
    let [passed, skipped] =
        [0, 1].map(|which| all.iter().map(|counts| counts[which]).sum::<usize>());
    println!("in all {passed} passed, {skipped} without counterpart");
    assert!(skipped * 20 < passed + skipped, "{skipped} of {passed}");
}
