//! The paths that a module's items name, absolute from the root of their crate.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemMacro, Macro, UseTree, Visibility};

use super::{Module, attributes};

/// A path from the root of the crate.
pub type Absolute = Vec<String>;

/// The names that a module uses.
#[derive(Default)]
pub struct Named {
    /// Its imports: the name in the module, and the imported path.
    pub imports: BTreeMap<String, Absolute>,
    /// Public imports with their names, and globs.
    pub exports: Vec<(Option<String>, Absolute)>,
    /// All that imports and code name.
    pub paths: Vec<Absolute>,
}

/// Of a module, in a crate with these modules at its root.
pub fn named(module: &Module) -> Named {
    let mut named = Named::default();
    let uses = module.items.iter().filter_map(|item| match item {
        Item::Use(it) if it.leading_colon.is_none() => Some(it),
        _ => None,
    });
    for item in uses {
        let mut leaves = Vec::new();
        imported(&item.tree, &[], &mut leaves);
        let is_exported = !matches!(item.vis, Visibility::Inherited);
        for (name, path) in leaves {
            let Some(path) = absolute(&path, module, &named.imports) else { continue };
            if is_exported {
                named.exports.push((name.clone(), path.clone()));
            }
            if let Some(name) = name {
                named.imports.insert(name, path.clone());
            }
            named.paths.push(path);
        }
    }
    let mut finder = Finder { module, imports: &named.imports, found: Vec::new() };
    for item in module.items.iter().filter(|item| !matches!(item, Item::Use(_))) {
        finder.visit_item(item);
    }
    let found = finder.found;
    named.paths.extend(found);
    named
}

/// The leaves of a use tree: the name, which a glob does not have, and the path.
fn imported(tree: &UseTree, before: &[String], leaves: &mut Vec<(Option<String>, Vec<String>)>) {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(it) => imported(&it.tree, &with(it.ident.to_string()), leaves),
        UseTree::Group(it) => it.items.iter().for_each(|tree| imported(tree, before, leaves)),
        UseTree::Glob(_) => leaves.push((None, before.to_vec())),
        UseTree::Name(it) if it.ident == "self" => {
            leaves.push((before.last().cloned(), before.to_vec()));
        }
        UseTree::Name(it) => leaves.push((Some(it.ident.to_string()), with(it.ident.to_string()))),
        UseTree::Rename(it) => {
            leaves.push((Some(it.rename.to_string()), with(it.ident.to_string())));
        }
    }
}

/// A path resolved from the module; `None` if it is outside the crate, or its first name is not
/// imported.
fn absolute(
    path: &[String],
    module: &Module,
    imports: &BTreeMap<String, Absolute>,
) -> Option<Absolute> {
    let (first, rest) = path.split_first()?;
    match &**first {
        "crate" => Some(rest.to_vec()),
        "self" => Some([&module.path[..], rest].concat()),
        "super" => {
            let ups = path.iter().take_while(|it| *it == "super").count();
            let kept = module.path.len().checked_sub(ups)?;
            Some([&module.path[..kept], &path[ups..]].concat())
        }
        name if module.children.iter().any(|child| child == name) => {
            Some([&module.path[..], path].concat())
        }
        name => imports.get(name).map(|import| [&import[..], rest].concat()),
    }
}

struct Finder<'a> {
    module: &'a Module,
    imports: &'a BTreeMap<String, Absolute>,
    found: Vec<Absolute>,
}

impl Finder<'_> {
    fn note(&mut self, path: &[String]) {
        self.found.extend(absolute(path, self.module, self.imports));
    }

    /// Paths in tokens: identifiers separated by `::`. Those after `::`, `$` or `.` are not the
    /// start of a path.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut is_foreign) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons < 2 || path.is_empty() {
                        self.end(&mut path);
                        is_foreign |= colons == 2;
                    }
                    if !is_foreign {
                        path.push(word.to_string());
                    }
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(punct) if matches!(punct.as_char(), '$' | '.') => {
                    self.end(&mut path);
                    (colons, is_foreign) = (0, true);
                    continue;
                }
                _ => {}
            }
            self.end(&mut path);
            (colons, is_foreign) = (0, false);
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        let whole = std::mem::take(path);
        self.note(&whole);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let words: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
            self.note(&words);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        const OTHER_CODE: [&str; 4] =
            ["quote", "quote_spanned", "parse_quote", "parse_quote_spanned"];
        self.visit_path(&call.path);
        let name = call.path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default();
        if !OTHER_CODE.contains(&&*name) {
            self.tokens(call.tokens.clone());
        }
    }

    /// The text of `macro_rules!` is expanded elsewhere, so only its paths from the root are known.
    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        if item.ident.is_none() {
            return self.visit_macro(&item.mac);
        }
        let before = self.found.len();
        let root = Module {
            path: Vec::new(),
            file: self.module.file.clone(),
            items: Vec::new(),
            children: Vec::new(),
        };
        let mut finder = Finder { module: &root, imports: &BTreeMap::new(), found: Vec::new() };
        finder.tokens(item.mac.tokens.clone());
        self.found.truncate(before);
        self.found.extend(finder.found);
    }

    fn visit_use_path(&mut self, _: &'ast syn::UsePath) {}

    /// A `use` within a function.
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut leaves = Vec::new();
        imported(&item.tree, &[], &mut leaves);
        for (_, path) in leaves {
            self.note(&path);
        }
    }
}

/// The names that a module defines, macros included.
pub fn defined(module: &Module) -> Vec<String> {
    let name = |item: &Item| match item {
        Item::Const(it) => Some(it.ident.to_string()),
        Item::Enum(it) => Some(it.ident.to_string()),
        Item::Fn(it) => Some(it.sig.ident.to_string()),
        Item::Macro(it) => it.ident.as_ref().map(ToString::to_string),
        Item::Static(it) => Some(it.ident.to_string()),
        Item::Struct(it) => Some(it.ident.to_string()),
        Item::Trait(it) => Some(it.ident.to_string()),
        Item::Type(it) => Some(it.ident.to_string()),
        Item::Union(it) => Some(it.ident.to_string()),
        _ => None,
    };
    module.items.iter().filter_map(name).collect()
}

/// The macros that a module exports at the root of the crate.
pub fn exported_macros(module: &Module) -> impl Iterator<Item = String> {
    module.items.iter().filter_map(|item| match item {
        Item::Macro(it) if attributes(item).iter().any(|it| it.path().is_ident("macro_export")) => {
            it.ident.as_ref().map(ToString::to_string)
        }
        _ => None,
    })
}
