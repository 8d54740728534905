//! Memory that calls leave behind and that nobody above them gives back. What a function returns to its caller it leaves behind
//! as well, and that is no growth if the caller frees it.

use std::collections::{HashMap, HashSet};

use crate::snapshot::Snapshot;

/// Who called whom, and how much each function left behind in all.
pub(super) struct Growth<'a> {
    callers: HashMap<&'a str, HashSet<Option<&'a str>>>,
    retained: HashMap<&'a str, i64>,
}

impl<'a> Growth<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Growth<'a> {
        let mut callers: HashMap<&str, HashSet<Option<&str>>> = HashMap::new();
        for node in &snapshot.call_tree {
            let caller = node.parent.and_then(|parent| snapshot.call_tree.get(parent));
            callers.entry(&node.path).or_default().insert(caller.map(|caller| &*caller.path));
        }
        let retained = snapshot.functions.iter();
        let retained = retained.map(|it| (&*it.path, it.retained_bytes.unwrap_or(0))).collect();
        Growth { callers, retained }
    }

    /// Whether some way up to a thread's start at least half of it stays.
    pub(super) fn is_kept(&self, path: &'a str) -> bool {
        self.stays(path, &mut HashSet::new())
    }

    fn stays(&self, path: &'a str, seen: &mut HashSet<&'a str>) -> bool {
        let Some(callers) = self.callers.get(path) else { return true };
        let of = |path: &str| self.retained.get(path).copied().unwrap_or(0);
        seen.insert(path)
            && callers.iter().any(|caller| match caller {
                None => true,
                Some(caller) => of(caller) * 2 >= of(path) && self.stays(caller, seen),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Function, Leak, PathNode};

    #[test]
    fn what_a_caller_gives_back_is_no_growth() {
        let function = |path: &str, retained| Function {
            path: path.to_owned(),
            calls: 100,
            retained_bytes: Some(retained),
            leak: Some(Leak { bytes_per_call: 48.0, ..Leak::default() }),
            ..Function::default()
        };
        let node =
            |path: &str, parent| PathNode { path: path.to_owned(), parent, ..PathNode::default() };
        let snapshot = Snapshot {
            functions: vec![
                function("main", 4_900),
                function("leaks", 4_800),
                function("makes", 99_999),
            ],
            call_tree: vec![node("main", None), node("leaks", Some(0)), node("makes", Some(0))],
            ..Snapshot::default()
        };
        let growth = Growth::of(&snapshot);
        let kept = |path| growth.is_kept(path);
        assert_eq!((kept("main"), kept("leaks"), kept("makes")), (true, true, false));
    }
}
