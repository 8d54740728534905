//! Puts the attribute on functions of a source file by inserting text, so that nothing else
//! changes.

use std::collections::BTreeMap;

use proc_macro2::LineColumn;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// With the feature `apart` the function is not inlined, so that callgrind sees it.
const ATTRIBUTE: &str =
    r#"#[cfg_attr(feature = "apart", inline(never))] #[::profile_core::profile] "#;
const UNLESS_APART: &str = r#"cfg_attr(not(feature = "apart"), "#;

/// The source with the attribute on the functions that `wanted` names.
///
/// # Errors
///
/// A name that no function of this source has.
pub(crate) fn annotated(source: &str, wanted: &[&str]) -> Result<String, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut functions = Functions {
        wanted,
        owner: None,
        found: wanted.iter().map(|name| (*name, 0)).collect(),
        insertions: Vec::new(),
    };
    functions.visit_file(&file);
    if let Some((name, _)) = functions.found.iter().find(|(_, count)| **count == 0) {
        return Err(format!("has no function `{name}`"));
    }
    Ok(insert(source, functions.insertions))
}

/// The functions to annotate, and where text is to be inserted for that.
struct Functions<'a> {
    wanted: &'a [&'a str],
    /// The type whose `impl` block this is.
    owner: Option<String>,
    found: BTreeMap<&'a str, usize>,
    insertions: Vec<(LineColumn, &'static str)>,
}

impl Functions<'_> {
    fn take(
        &mut self,
        attributes: &[syn::Attribute],
        first: proc_macro2::Span,
        signature: &syn::Signature,
    ) {
        let name = signature.ident.to_string();
        let name = self.owner.as_ref().map_or(name.clone(), |owner| format!("{owner}::{name}"));
        let Some(wanted) = self.wanted.iter().find(|wanted| **wanted == name) else { return };
        *self.found.entry(wanted).or_default() += 1;
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("inline")) {
            self.insertions.push((attribute.meta.span().start(), UNLESS_APART));
            self.insertions.push((attribute.bracket_token.span.close().start(), ")"));
        }
        self.insertions.push((first.start(), ATTRIBUTE));
    }
}

/// The start of the visibility, or of the signature if the function is private.
fn first_token(visibility: &syn::Visibility, signature: &syn::Signature) -> proc_macro2::Span {
    match visibility {
        syn::Visibility::Inherited => signature.span(),
        visibility => visibility.span(),
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        // A function within a method belongs to no type.
        let owner = self.owner.take();
        self.take(&function.attrs, first_token(&function.vis, &function.sig), &function.sig);
        visit::visit_item_fn(self, function);
        self.owner = owner;
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let outer = self.owner.replace(type_name(&block.self_ty));
        visit::visit_item_impl(self, block);
        self.owner = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.take(&function.attrs, first_token(&function.vis, &function.sig), &function.sig);
        visit::visit_impl_item_fn(self, function);
    }
}

/// `Lexer` of `lexer::Lexer<T>`, `[u8]` of itself.
fn type_name(of: &syn::Type) -> String {
    match of {
        syn::Type::Path(path) => {
            path.path.segments.last().map_or_else(String::new, |last| last.ident.to_string())
        }
        syn::Type::Slice(slice) => format!("[{}]", type_name(&slice.elem)),
        _ => String::new(),
    }
}

fn insert(source: &str, mut insertions: Vec<(LineColumn, &'static str)>) -> String {
    insertions.sort_by_key(|(location, _)| (location.line, location.column));
    let mut lines: Vec<String> = source.split('\n').map(str::to_owned).collect();
    // From the end, so that what comes before stays where it is.
    for (location, text) in insertions.into_iter().rev() {
        let line = &mut lines[location.line - 1];
        let at = line.char_indices().nth(location.column).map_or(line.len(), |(at, _)| at);
        line.insert_str(at, text);
    }
    lines.join("\n")
}
