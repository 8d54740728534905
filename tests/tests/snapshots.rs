//! Snapshots in files and merged: nothing is lost, and damaged files are rejected.

use std::collections::BTreeMap;

use profile_core::{
    AsyncTimes, BytesPerCall, Call, Function, Line, NeverCalled, PathNode, Snapshot, SnapshotError,
    WarningRecord,
};
use proptest::prelude::*;

/// Small numbers, so that equal ones meet; and large ones.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..20_u64, 1 => 0..1_u64 << 40]
}

fn histogram() -> impl Strategy<Value = Vec<[u64; 2]>> {
    prop::collection::btree_map(0..12_u64, 1..50_u64, 0..8)
        .prop_map(|values| values.into_iter().map(|(value, count)| [value, count]).collect())
}

fn function() -> impl Strategy<Value = Function> {
    let numbers = prop::collection::vec(number(), 12);
    let options = prop::collection::vec(prop::option::of(number()), 8);
    (0..4_usize, numbers, options, histogram(), histogram(), any::<bool>()).prop_map(
        |(name, n, o, times, bytes, is_async)| {
            let mut function = Function::default();
            function.path = format!("app::f{name}");
            function.line = name as u32;
            let calls: u64 = times.iter().map(|[_, calls]| calls).sum();
            (function.calls, function.timed_calls) = (calls, calls);
            (function.panicked, function.inclusive_ns, function.exclusive_ns) = (n[0], n[1], n[2]);
            function.min_ns = times.first().map(|[ns, _]| *ns);
            function.max_ns = times.last().map(|[ns, _]| *ns);
            let sum: u64 = times.iter().map(|[ns, calls]| ns * calls).sum();
            function.mean_ns = (calls > 0).then(|| sum as f64 / calls as f64);
            function.quantiles =
                BTreeMap::from([("p50".to_owned(), n[3]), ("p99".to_owned(), n[4])]);
            function.histogram = times;
            (function.allocations, function.allocated_bytes) = (o[0], o[1]);
            (function.frees, function.peak_bytes) = (o[2], o[3]);
            function.retained_bytes = o[4].map(|bytes| bytes as i64 - 10);
            function.bytes_per_call = (!bytes.is_empty()).then(|| {
                let mut each = BytesPerCall::default();
                each.histogram = bytes;
                each.max_bytes = n[5];
                each
            });
            function.slowest = (0..n[6] % 10)
                .map(|at| {
                    let mut call = Call::default();
                    call.duration_ns = Some(at * 7 % 5);
                    call.arguments = format!("n = {at}");
                    call
                })
                .collect();
            function.polled = is_async.then(|| {
                let mut polled = AsyncTimes::default();
                (polled.wall_ns, polled.polls) = (n[7], n[8]);
                polled
            });
            function
        },
    )
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let functions = prop::collection::vec(function(), 0..4);
    let tree = prop::collection::vec((0..3_u64, prop::option::of(0..5_usize), number()), 0..6);
    let lines = prop::collection::vec((0..4_u32, prop::option::of(number())), 0..5);
    (functions, tree, lines, number(), 1..99_u32).prop_map(|(functions, tree, lines, n, id)| {
        let mut snapshot = Snapshot::default();
        snapshot.schema_version = 1;
        let process = &mut snapshot.process;
        (process.process_id, process.started_unix_ns, process.duration_ns) = (id, n, n % 1_000);
        (process.threads, process.trim) = (1 + n % 3, 0.1);
        let mut rows: BTreeMap<String, Function> = BTreeMap::new();
        rows.extend(functions.into_iter().map(|row| (row.path.clone(), row)));
        snapshot.functions = rows.into_values().collect();
        for name in 0..4 {
            let path = format!("app::f{name}");
            if snapshot.function(&path).is_none() {
                let mut never = NeverCalled::default();
                (never.path, never.line) = (path, name);
                snapshot.never_called.push(never);
            }
        }
        for (at, (name, parent, calls)) in tree.into_iter().enumerate() {
            let mut node = PathNode::default();
            node.path = format!("app::f{name}");
            node.parent = parent.filter(|parent| *parent < at);
            node.calls = calls;
            snapshot.call_tree.push(node);
        }
        let mut numbered: BTreeMap<u32, Line> = BTreeMap::new();
        for (number, hits) in lines {
            let mut line = Line::default();
            (line.line, line.hits) = (number, hits);
            numbered.insert(number, line);
        }
        snapshot.lines = numbered.into_values().collect();
        if n % 2 == 0 {
            let mut warning = WarningRecord::default();
            (warning.category, warning.count) = (format!("C{}", n % 4), 1 + n % 5);
            snapshot.warnings.push(warning);
        }
        snapshot
    })
}

/// Equal except for the last bits of doubles.
fn rounded(snapshot: &Snapshot) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let round = |value: f64| (value * 1e6).round() / 1e6;
    for row in &mut snapshot.functions {
        row.mean_ns = row.mean_ns.map(round);
        row.trimmed_mean_ns = row.trimmed_mean_ns.map(round);
        if let Some(each) = &mut row.bytes_per_call {
            each.mean_bytes = round(each.mean_bytes);
        }
    }
    snapshot.overhead.share = round(snapshot.overhead.share);
    snapshot
}

proptest! {
    #[test]
    fn merging_is_associative_and_commutative(a in snapshot(), b in snapshot(), c in snapshot()) {
        let ab = Snapshot::merge([&a, &b]);
        prop_assert_eq!(rounded(&ab), rounded(&Snapshot::merge([&b, &a])));
        let left = Snapshot::merge([&ab, &c]);
        let right = Snapshot::merge([&a, &Snapshot::merge([&b, &c])]);
        prop_assert_eq!(rounded(&left), rounded(&right));
        prop_assert_eq!(rounded(&left), rounded(&Snapshot::merge([&c, &b, &a])));
    }

    #[test]
    fn merging_loses_nothing(a in snapshot(), b in snapshot()) {
        let both = Snapshot::merge([&a, &b]);
        let sum = |of: &dyn Fn(&Function) -> u64| {
            let side = |one: &Snapshot| one.functions.iter().map(of).sum::<u64>();
            (side(&a) + side(&b), side(&both))
        };
        for of in [
            &(|row: &Function| row.calls) as &dyn Fn(&Function) -> u64,
            &|row| row.inclusive_ns,
            &|row| row.allocations.unwrap_or(0),
            &|row| row.histogram.iter().map(|[_, calls]| calls).sum(),
            &|row| row.bytes_per_call.iter().flat_map(|it| &it.histogram).map(|[_, n]| n).sum(),
            &|row| row.polled.as_ref().map_or(0, |polled| polled.polls),
        ] {
            let (parts, whole) = sum(of);
            prop_assert_eq!(parts, whole);
        }
        let calls = |one: &Snapshot| one.call_tree.iter().map(|node| node.calls).sum::<u64>();
        prop_assert_eq!(calls(&a) + calls(&b), calls(&both));
        let hits = |one: &Snapshot| one.lines.iter().filter_map(|line| line.hits).sum::<u64>();
        prop_assert_eq!(hits(&a) + hits(&b), hits(&both));
        prop_assert_eq!(both.processes.len(), 2);
        prop_assert_eq!(both.process.threads, a.process.threads + b.process.threads);
        for row in &both.functions {
            prop_assert!(both.never_called.iter().all(|never| never.path != row.path));
        }
    }

    #[test]
    fn both_forms_come_back_as_they_were(snapshot in snapshot()) {
        let packed = snapshot.to_bytes();
        prop_assert_eq!(&Snapshot::from_bytes(&packed).expect("its own form"), &snapshot);
        let json = serde_json::to_vec(&snapshot).expect("JSON");
        prop_assert_eq!(&Snapshot::from_bytes(&json).expect("JSON"), &snapshot);
    }

    #[test]
    fn a_damaged_file_is_an_error_with_its_offset(
        snapshot in snapshot(), at in 0.0..1.0_f64, with in any::<u8>(), cut in any::<bool>(), text in any::<bool>(),
    ) {
        let mut bytes =
            if text { serde_json::to_vec(&snapshot).expect("JSON") } else { snapshot.to_bytes() };
        let place = (at * bytes.len() as f64) as usize;
        if cut { bytes.truncate(place) } else { bytes[place] ^= with }
        match Snapshot::from_bytes(&bytes) {
            // Damage within a number or a text may yield another valid one.
            Ok(_) => prop_assert!(!cut),
            Err(SnapshotError::Damaged { offset, why }) => {
                prop_assert!(offset <= bytes.len() as u64 && !why.is_empty());
            }
            Err(SnapshotError::NewerVersion { .. }) => prop_assert!(!cut),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn quantiles_of_a_merge_are_those_of_all_calls() {
    let with = |histogram: Vec<[u64; 2]>| {
        let (mut snapshot, mut function) = (Snapshot::default(), Function::default());
        snapshot.schema_version = 1;
        snapshot.process.trim = 0.1;
        function.path = "f".to_owned();
        function.quantiles = BTreeMap::from([("p50".to_owned(), 0), ("p99".to_owned(), 0)]);
        function.histogram = histogram;
        snapshot.functions.push(function);
        snapshot
    };
    let both = Snapshot::merge([&with(vec![[10, 99]]), &with(vec![[20, 100], [90, 1]])]);
    let function = both.function("f").expect("it is in both");
    assert_eq!(function.histogram, [[10, 99], [20, 100], [90, 1]]);
    assert_eq!(function.quantiles["p50"], 20);
    assert_eq!(function.trimmed_mean_ns, Some((79.0 * 10.0 + 81.0 * 20.0) / 160.0));
}

#[test]
fn lengths_that_a_file_claims_allocate_no_memory() {
    // A map with 2^32 - 1 entries, an array with as many, and a text of as many bytes, without any
    // content.
    for promise in [
        [0xdf_u8, 0xff, 0xff, 0xff, 0xff],
        [0xdd, 0xff, 0xff, 0xff, 0xff],
        [0xdb, 0xff, 0xff, 0xff, 0xff],
    ] {
        let bytes = [&b"PROFSNP1"[..], &promise].concat();
        let error = Snapshot::from_bytes(&bytes).expect_err("nothing follows");
        assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
    }
    let deep = format!("{{\"schema_version\": 1, \"x\": {}", "[".repeat(1 << 20));
    assert!(Snapshot::from_bytes(deep.as_bytes()).is_err());
}

#[test]
fn a_newer_version_is_rejected_and_an_older_one_is_read() {
    let error = Snapshot::from_bytes(br#"{"schema_version": 99, "process": {"new": true}}"#);
    let error = error.expect_err("it is newer").to_string();
    assert!(error.contains("schema_version is 99") && error.contains("up to 2"), "{error}");
    let old = std::fs::read(tests::reference().join("snapshot_before_lines.json"));
    let old = Snapshot::from_bytes(&old.expect("in the repository")).expect("the form of then");
    assert!(old.function("fib").is_some_and(|row| row.calls > 0));
    assert!(old.lines.is_empty() && old.process.trim == 0.1);
}

#[test]
fn a_path_that_is_not_a_file_is_an_error() {
    let error = Snapshot::load("/nonexistent/snapshot").expect_err("there is none").to_string();
    assert!(error.starts_with("cannot read the snapshot"), "{error}");
    let error = Snapshot::load("/dev/null").expect_err("it is empty").to_string();
    assert_eq!(error, "invalid snapshot: byte 0: EOF while parsing a value");
}

#[test]
fn snapshots_of_version_1_are_still_read() {
    let text = r#"{"schema_version": 1, "functions": [{"path": "f", "returns":
        {"kind": "result", "good": {"calls": 3}, "bad": {"calls": 4}}}]}"#;
    let snapshot = Snapshot::from_bytes(text.as_bytes()).expect("version 1");
    let returns = snapshot.functions[0].returns.as_ref().expect("both ways to return");
    assert_eq!((returns.ok.calls, returns.err.calls), (3, 4));
}
