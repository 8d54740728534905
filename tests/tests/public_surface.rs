//! The public surface of profile-core with the feature `profile` on and off: what compiles with it
//! compiles without it, except for what is listed here.

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use quote::ToTokens as _;
use sources::{Module, attributes, may_hold, modules};
use syn::{Attribute, ImplItem, Item, ItemImpl, Meta, Type, UseTree, Visibility};

/// What does not exist with the feature off, and why.
const MISSING_WHEN_OFF: &[(&str, &[&str])] = &[
    (
        "reads, writes or compares snapshots, which tools do and measured programs do not: a tool enables the feature",
        &[
            "compare",
            "Comparison",
            "CountChange",
            "FunctionChange",
            "MprofCall",
            "MprofChild",
            "MprofData",
            "MprofError",
            "MprofErrorKind",
            "MprofFunction",
            "MprofReading",
            "Runs",
            "SegmentError",
            "Snapshot::advise",
            "Snapshot::filter_warnings",
            "Snapshot::from_bytes",
            "Snapshot::load",
            "Snapshot::merge",
            "Snapshot::to_bytes",
            "Snapshot::write",
            "SnapshotError",
            "Verdict",
            "read_mprof",
            "read_segment",
            "register_format!",
            "report",
            "runs",
        ],
    ),
    (
        "is of a dependency that only the feature brings",
        &["Function::distribution", "hdrhistogram"],
    ),
    (
        "does nothing at the end of its scope, and says so to the compiler",
        &["ContextGuard: Drop", "SpanGuard: Drop"],
    ),
];

fn with_profile(meta: &Meta) -> Option<bool> {
    condition(meta, true)
}

fn without_profile(meta: &Meta) -> Option<bool> {
    condition(meta, false)
}

/// All other features are on, except those that require `profile`.
fn condition(meta: &Meta, profile: bool) -> Option<bool> {
    let text = meta.to_token_stream().to_string();
    Some(match &*text {
        "feature = \"profile\"" => profile,
        "feature = \"read\""
        | "feature = \"binary\""
        | "feature = \"hlog\""
        | "feature = \"compare\""
        | "feature = \"toml\"" => profile,
        "test" | "loom" | "profile_fallback" => false,
        _ => text.starts_with("feature = ") || text == "target_os = \"linux\"",
    })
}

type Names = BTreeSet<String>;

/// The public names: items at the root of the crate, and the methods (`Type::method`) and traits
/// (`Type: Trait`) of each type there.
fn surface(condition: fn(&Meta) -> Option<bool>) -> Names {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profile-core/src/lib.rs");
    let modules = modules(&root, condition);
    let by_path: BTreeMap<&[String], &Module> =
        modules.iter().map(|module| (&module.path[..], module)).collect();
    let mut names = public_names(by_path[&[][..]], &by_path);
    names.extend(modules.iter().flat_map(|module| exported_macros(&module.items)));
    names.extend(public_modules(&root, condition));
    let types = names.clone();
    for item in modules.iter().flat_map(|module| &module.items) {
        names.extend(
            of_type(item, condition).filter(|(name, _)| types.contains(name)).map(|it| it.1),
        );
    }
    names
}

fn public_modules(root: &Path, condition: fn(&Meta) -> Option<bool>) -> Names {
    let text = std::fs::read_to_string(root).expect("readable");
    let items = syn::parse_file(&text).expect("Rust").items.into_iter();
    let public = items.filter_map(|item| match item {
        Item::Mod(it) if is_public(&it.vis) && is_shown(&it.attrs, condition) => {
            Some(it.ident.to_string())
        }
        _ => None,
    });
    public.collect()
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    let doc = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    doc.map(|doc| doc.meta.to_token_stream().to_string()).any(|text| text.contains("(hidden)"))
}

fn is_shown(attributes: &[Attribute], condition: fn(&Meta) -> Option<bool>) -> bool {
    !is_hidden(attributes) && may_hold(attributes, condition)
}

fn public_names(module: &Module, all: &BTreeMap<&[String], &Module>) -> Names {
    let mut names = Names::new();
    for item in module.items.iter().filter(|item| !is_hidden(attributes(item))) {
        let (visibility, name) = match item {
            Item::Enum(it) => (&it.vis, it.ident.to_string()),
            Item::Fn(it) => (&it.vis, it.sig.ident.to_string()),
            Item::Struct(it) => (&it.vis, it.ident.to_string()),
            Item::Const(it) => (&it.vis, it.ident.to_string()),
            Item::Trait(it) => (&it.vis, it.ident.to_string()),
            Item::Use(it) if is_public(&it.vis) => {
                exported(&it.tree, &[], all, &mut names);
                continue;
            }
            _ => continue,
        };
        if is_public(visibility) {
            names.insert(name);
        }
    }
    names
}

/// The names that a `pub use` at the root exports.
fn exported(
    tree: &UseTree,
    path: &[String],
    all: &BTreeMap<&[String], &Module>,
    names: &mut Names,
) {
    match tree {
        UseTree::Path(it) => {
            let beneath = [path, &[it.ident.to_string()]].concat();
            exported(&it.tree, &beneath, all, names);
        }
        UseTree::Group(it) => it.items.iter().for_each(|tree| exported(tree, path, all, names)),
        UseTree::Name(it) => drop(names.insert(it.ident.to_string())),
        UseTree::Rename(it) => drop(names.insert(it.rename.to_string())),
        UseTree::Glob(_) => names.extend(public_names(all[path], all)),
    }
}

fn exported_macros(items: &[Item]) -> impl Iterator<Item = String> {
    items.iter().filter_map(|item| match item {
        Item::Macro(it) if it.attrs.iter().any(|it| it.path().is_ident("macro_export")) => {
            let name = it.ident.as_ref()?.to_string();
            (!name.starts_with("__")).then(|| format!("{name}!"))
        }
        _ => None,
    })
}

/// What an item adds to a type: the type's name, and `Type::method` or `Type: Trait`.
fn of_type(
    item: &Item,
    condition: fn(&Meta) -> Option<bool>,
) -> impl Iterator<Item = (String, String)> {
    let found: Vec<(String, String)> = match item {
        Item::Impl(it) => of_impl(it, condition),
        Item::Struct(it) if is_public(&it.vis) => derived(&it.ident.to_string(), &it.attrs),
        Item::Enum(it) if is_public(&it.vis) => derived(&it.ident.to_string(), &it.attrs),
        _ => Vec::new(),
    };
    found.into_iter()
}

fn derived(name: &str, attributes: &[Attribute]) -> Vec<(String, String)> {
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let mut found = Vec::new();
    for derive in derives {
        let _ = derive.parse_nested_meta(|meta| {
            let derived = meta.path.segments.last().expect("a name").ident.to_string();
            found.push((name.to_owned(), format!("{name}: {derived}")));
            Ok(())
        });
    }
    found
}

fn of_impl(block: &ItemImpl, condition: fn(&Meta) -> Option<bool>) -> Vec<(String, String)> {
    let Type::Path(of) = &*block.self_ty else { return Vec::new() };
    let name = of.path.segments.last().expect("a name").ident.to_string();
    if let Some((implemented, _)) = &block.trait_ {
        let implemented = &implemented.segments.last().expect("a name").ident;
        return vec![(name.clone(), format!("{name}: {implemented}"))];
    }
    let methods = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(it) if is_public(&it.vis) && is_shown(&it.attrs, condition) => {
            Some(format!("{name}::{}", it.sig.ident))
        }
        _ => None,
    });
    methods.map(|method| (name.clone(), method)).collect()
}

#[test]
fn what_compiles_with_the_feature_compiles_without_it() {
    let (on, off) = (surface(with_profile), surface(without_profile));
    assert!(on.len() > 150 && on.contains("Settings::report"), "{on:?}");
    let allowed: BTreeSet<&str> =
        MISSING_WHEN_OFF.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    // Methods of a type that may be missing may be missing too.
    let is_allowed = |name: &str| {
        let of_type = name.split(':').next().unwrap_or(name);
        allowed.contains(name) || allowed.contains(of_type)
    };
    let missing: Vec<_> = on.difference(&off).filter(|name| !is_allowed(name)).collect();
    assert!(missing.is_empty(), "with the feature off these are missing: {missing:#?}");
    let there: Vec<_> = allowed.iter().filter(|name| off.contains(**name)).collect();
    assert!(there.is_empty(), "not missing any more: {there:?}");
    let unknown: Vec<_> = allowed.iter().filter(|name| !on.contains(**name)).collect();
    assert!(unknown.is_empty(), "no such name: {unknown:?}");
}

#[test]
fn nothing_is_there_only_without_the_feature() {
    let (on, off) = (surface(with_profile), surface(without_profile));
    let more: Vec<_> = off.difference(&on).collect();
    assert!(more.is_empty(), "{more:?}");
}
