//! The visitor. syn does not parse the tokens of macro calls, so they are not visited.

use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Block, Meta, Safety, Signature};

use crate::findings::{Findings, Place, Thing};

/// Counts what it visits.
pub struct Counter<'a> {
    path: &'a Path,
    findings: Findings,
    /// Blocks around the node.
    depth: usize,
}

impl<'a> Counter<'a> {
    /// For a file and its text.
    pub fn new(path: &'a Path, text: &str) -> Counter<'a> {
        let mut findings = Findings::default();
        findings.add(Thing::File);
        findings.add_many(Thing::Byte, text.len());
        findings.add_many(Thing::Line, text.lines().count());
        Counter { path, findings, depth: 0 }
    }

    /// Visits the whole tree and returns the findings.
    pub fn visited(mut self, tree: &syn::File) -> Findings {
        self.visit_file(tree);
        self.findings
    }

    fn add(&mut self, thing: Thing) {
        self.findings.add(thing);
    }

    fn add_if(&mut self, is: bool, thing: Thing) {
        self.findings.add_many(thing, usize::from(is));
    }

    fn function(&mut self, signature: &Signature, body: Option<&Block>) {
        self.add(Thing::Function);
        self.add_if(signature.asyncness.is_some(), Thing::AsyncFunction);
        self.add_if(signature.constness.is_some(), Thing::ConstFunction);
        self.add_if(matches!(signature.safety, Safety::Unsafe(_)), Thing::UnsafeFunction);
        self.add_if(signature.generics.type_params().next().is_some(), Thing::GenericFunction);
        if let Some(body) = body {
            let first = signature.fn_token.span.start().line;
            let last = body.brace_token.span.close().end().line;
            let place = || Place::new(self.path, first, signature.ident.to_string());
            self.findings.longest_function.rise(last + 1 - first, place);
        }
    }
}

impl<'ast> Visit<'ast> for Counter<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(Thing::Struct);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(Thing::Enum);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(Thing::Trait);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.add(Thing::Impl);
        self.add_if(item.trait_.is_some(), Thing::TraitImpl);
        self.add_if(item.unsafety.is_some(), Thing::UnsafeImpl);
        visit::visit_item_impl(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        self.add_if(item.ident.is_some(), Thing::Macro);
        visit::visit_item_macro(self, item);
    }

    fn visit_expr_unsafe(&mut self, expression: &'ast syn::ExprUnsafe) {
        self.add(Thing::UnsafeBlock);
        visit::visit_expr_unsafe(self, expression);
    }

    fn visit_expr_closure(&mut self, expression: &'ast syn::ExprClosure) {
        self.add(Thing::Closure);
        visit::visit_expr_closure(self, expression);
    }

    fn visit_expr_match(&mut self, expression: &'ast syn::ExprMatch) {
        self.add(Thing::Match);
        visit::visit_expr_match(self, expression);
    }

    fn visit_expr_try(&mut self, expression: &'ast syn::ExprTry) {
        self.add(Thing::QuestionMark);
        visit::visit_expr_try(self, expression);
    }

    fn visit_expr_await(&mut self, expression: &'ast syn::ExprAwait) {
        self.add(Thing::Await);
        visit::visit_expr_await(self, expression);
    }

    fn visit_expr_method_call(&mut self, expression: &'ast syn::ExprMethodCall) {
        self.add_if(expression.method == "unwrap", Thing::Unwrap);
        visit::visit_expr_method_call(self, expression);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(last) = call.path.segments.last() {
            self.findings.macros.add(&last.ident);
        }
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let is_comment =
            attribute.path().is_ident("doc") && matches!(attribute.meta, Meta::NameValue(_));
        if is_comment {
            self.add(Thing::DocComment);
        } else if let Some(last) = attribute.path().segments.last() {
            self.findings.attributes.add(&last.ident);
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.depth += 1;
        let line = || block.brace_token.span.open().start().line;
        let place = || Place::new(self.path, line(), String::new());
        self.findings.deepest_block.rise(self.depth, place);
        visit::visit_block(self, block);
        self.depth -= 1;
    }
}
