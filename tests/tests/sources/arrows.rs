//! Which module of a crate names which: paths followed to the file that defines what they name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::Meta;

use super::paths::{Absolute, Named, defined, exported_macros, named};
use super::{Module, modules};

/// A dependency: a file names something in another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: PathBuf,
    pub to: PathBuf,
    /// The named item, as its path from the root.
    pub named: String,
}

/// A crate with the names in it.
struct Crate {
    modules: Vec<Module>,
    named: Vec<Named>,
    places: BTreeMap<Vec<String>, usize>,
    macros: BTreeMap<String, usize>,
}

/// Everything except test code may be compiled.
fn not_for_tests(meta: &Meta) -> Option<bool> {
    meta.path().is_ident("test").then_some(false)
}

/// The dependencies between the files of a crate, and its files. A re-export from a module's own
/// children is not a dependency: users of it are followed to the definition.
pub fn arrows(root: &Path) -> (BTreeSet<Arrow>, BTreeSet<PathBuf>) {
    let krate = Crate::read(root);
    let files = krate.modules.iter().map(|module| module.file.clone()).collect();
    let mut arrows = BTreeSet::new();
    for (module, named) in krate.modules.iter().zip(&krate.named) {
        for path in &named.paths {
            let Some(target) = krate.defining(path, &mut Vec::new()) else { continue };
            let to = &krate.modules[target];
            let is_facade = named.exports.iter().any(|(_, exported)| exported == path)
                && path.starts_with(&module.path);
            if to.file != module.file && !is_facade {
                let (from, to) = (module.file.clone(), to.file.clone());
                arrows.insert(Arrow { from, to, named: path.join("::") });
            }
        }
    }
    (arrows, files)
}

impl Crate {
    fn read(root: &Path) -> Crate {
        let modules = modules(root, not_for_tests);
        let named = modules.iter().map(named).collect();
        let places = modules.iter().enumerate().map(|(place, it)| (it.path.clone(), place));
        let macros = modules.iter().enumerate();
        let macros =
            macros.flat_map(|(place, it)| exported_macros(it).map(move |name| (name, place)));
        Crate { places: places.collect(), macros: macros.collect(), named, modules }
    }

    /// The module that defines what a path names. `None`: it names a module itself, whose items are
    /// named elsewhere, or is unknown.
    fn defining(&self, path: &[String], seen: &mut Vec<Absolute>) -> Option<usize> {
        if seen.iter().any(|it| it == path) {
            return None;
        }
        seen.push(path.to_vec());
        if self.places.contains_key(path) {
            return None;
        }
        let (module, rest) = self.split(path)?;
        self.item_of(module, rest, seen)
    }

    /// The innermost module of a path, and the item named in it.
    fn split<'a>(&self, path: &'a [String]) -> Option<(usize, &'a [String])> {
        let parts = (0..path.len()).rev().map(|length| path.split_at(length));
        let mut known = parts.filter_map(|(module, rest)| Some((*self.places.get(module)?, rest)));
        known.next()
    }

    /// Items without a known definition are attributed to the module itself: those that a macro
    /// creates have no name in its source.
    fn item_of(&self, module: usize, rest: &[String], seen: &mut Vec<Absolute>) -> Option<usize> {
        let name = rest.first()?;
        if defined(&self.modules[module]).contains(name) {
            return Some(module);
        }
        if let Some(place) = self.macros.get(name).filter(|_| module == 0) {
            return Some(*place);
        }
        let Named { imports, exports, .. } = &self.named[module];
        let by_name = imports.get(name).map(|path| [&path[..], &rest[1..]].concat());
        if let Some(path) = by_name {
            return self.defining(&path, seen);
        }
        let globs = exports.iter().filter(|(exported, _)| exported.is_none());
        let mut by_glob = globs.map(|(_, path)| [&path[..], rest].concat());
        let found = by_glob.find_map(|path| self.by_name(&path, seen));
        found.or(Some(module))
    }

    /// As [`Crate::defining`], and `None` if the module does not say that it has such an item.
    fn by_name(&self, path: &[String], seen: &mut Vec<Absolute>) -> Option<usize> {
        let (place, rest) = self.split(path)?;
        let name = rest.first()?;
        let has_globs = self.named[place].exports.iter().any(|(exported, _)| exported.is_none());
        let is_known = defined(&self.modules[place]).contains(name)
            || self.named[place].imports.contains_key(name);
        if is_known || has_globs { self.defining(path, seen) } else { None }
    }
}

/// Cycles of dependencies, each with all its files.
pub fn circles(arrows: &BTreeSet<Arrow>) -> BTreeSet<BTreeSet<PathBuf>> {
    let mut reached: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    for arrow in arrows {
        reached.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    // From each file to all that it leads to.
    let starts: Vec<&Path> = reached.keys().copied().collect();
    let mut all = BTreeMap::new();
    for start in starts {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![start]);
        while let Some(file) = waiting.pop() {
            let next = reached.get(file).into_iter().flatten().copied();
            waiting.extend(next.filter(|next| found.insert(*next)));
        }
        all.insert(start, found);
    }
    let leads = |from: &Path, to: &Path| all.get(from).is_some_and(|found| found.contains(to));
    let in_circles = all.keys().copied().filter(|file| leads(file, file));
    in_circles
        .map(|file| {
            let circle = all[file].iter().filter(|other| leads(other, file));
            circle.map(|other| other.to_path_buf()).collect()
        })
        .collect()
}
