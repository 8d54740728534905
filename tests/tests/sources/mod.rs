//! Reads the modules of a crate from its sources, with the conditions under which its items are
//! compiled.

#![allow(dead_code, reason = "not every test asks for all of it")]

pub mod arrows;
pub mod paths;

use std::fs;
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token};

/// A module, with its own file or inline.
pub struct Module {
    /// Path from the crate's root, which is the empty path.
    pub path: Vec<String>,
    pub file: PathBuf,
    /// Without modules, and without what is not compiled.
    pub items: Vec<Item>,
    /// Modules declared in it.
    pub children: Vec<String>,
}

/// Whether a condition holds; `None` if unknown.
pub type Condition = fn(&Meta) -> Option<bool>;

/// The modules of the crate with this root file, without items whose condition does not hold.
pub fn modules(root: &Path, condition: Condition) -> Vec<Module> {
    let mut found = Vec::new();
    let folder = root.parent().expect("a folder").to_owned();
    read_file(root, &folder, &[], condition, &mut found);
    found
}

fn read_file(
    file: &Path,
    folder: &Path,
    path: &[String],
    condition: Condition,
    found: &mut Vec<Module>,
) {
    let text = fs::read_to_string(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    if may_hold(&parsed.attrs, condition) {
        read_items(parsed.items, file, folder, path, condition, found);
    }
}

/// The items of a module. `folder` contains the files of its modules.
fn read_items(
    items: Vec<Item>,
    file: &Path,
    folder: &Path,
    path: &[String],
    condition: Condition,
    found: &mut Vec<Module>,
) {
    let place = found.len();
    let (path, file_of) = (path.to_vec(), file.to_owned());
    found.push(Module {
        path: path.clone(),
        file: file_of,
        items: Vec::new(),
        children: Vec::new(),
    });
    for item in items.into_iter().filter(|item| may_hold(attributes(item), condition)) {
        let Item::Mod(module) = item else {
            found[place].items.push(item);
            continue;
        };
        let name = module.ident.to_string();
        let inner = [&path[..], std::slice::from_ref(&name)].concat();
        let beneath = folder.join(&name);
        found[place].children.push(name.clone());
        match module.content {
            Some((_, items)) => read_items(items, file, &beneath, &inner, condition, found),
            None => {
                let beside = folder.join(format!("{name}.rs"));
                let file = if beside.exists() { beside } else { beneath.join("mod.rs") };
                read_file(&file, &beneath, &inner, condition, found);
            }
        }
    }
}

/// Attributes of an item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::ExternCrate(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::ForeignMod(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::TraitAlias(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// Whether something with these attributes may be compiled.
pub fn may_hold(attributes: &[Attribute], condition: Condition) -> bool {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let holds = |attribute: &Attribute| {
        let meta: Meta = attribute.parse_args().expect("a condition");
        evaluate(&meta, condition)
    };
    conditions.map(holds).all(|held| held != Some(false))
}

/// With `all`, `any` and `not`.
fn evaluate(meta: &Meta, condition: Condition) -> Option<bool> {
    let Meta::List(list) = meta else { return condition(meta) };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let parts: Vec<Option<bool>> =
        parts.expect("conditions").iter().map(|part| evaluate(part, condition)).collect();
    let decides = |value| parts.contains(&Some(value)).then_some(value);
    let unanimous = |value| parts.iter().all(|part| *part == Some(value)).then_some(value);
    if list.path.is_ident("not") {
        parts[0].map(|held| !held)
    } else if list.path.is_ident("all") {
        decides(false).or_else(|| unanimous(true))
    } else {
        decides(true).or_else(|| unanimous(false))
    }
}
