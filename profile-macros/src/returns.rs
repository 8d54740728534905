//! `#[profile(returns)]` and `raise`: each value that a function returns passes through a call.
//!
//! The tail and the operand of each `return` become arguments of an identity-like function. A
//! returned value is moved anyway, and as an argument it is coerced, and its temporaries live as
//! long, as before. What `?` returns does not pass through it, so a return that was not observed
//! must be an `Err` or a `None`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::parse::ParseStream;
use syn::parse::Parser as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, Expr, ExprBreak, ExprMacro, Path, Stmt, StmtMacro};

/// The body with each returned value wrapped by `wrap`. Unchanged if it cannot be parsed.
pub fn wrap_values(body: TokenStream, wrap: &dyn Fn(&Expr) -> TokenStream) -> TokenStream {
    let Ok(mut statements) = Block::parse_within.parse2(body.clone()) else { return body };
    let mut wrapper = ValueWrapper { wrap };
    statements.iter_mut().for_each(|statement| wrapper.visit_stmt_mut(statement));
    match statements.last_mut() {
        // With a `cfg` attribute it may be removed, and then the statement before it is the value.
        Some(Stmt::Expr(tail, None)) if may_vanish(tail) => {
            let mut block: Expr = syn::parse_quote!({ #(#statements)* });
            wrapper.wrap_tail(&mut block);
            return quote!(#block);
        }
        Some(Stmt::Expr(tail, None)) => wrapper.wrap_tail(tail),
        // It may expand to statements, which are valid in a block but not as an argument.
        Some(tail @ Stmt::Macro(StmtMacro { semi_token: None, .. })) => {
            let mut block: Expr = syn::parse_quote!({ #tail });
            wrapper.wrap_tail(&mut block);
            *tail = Stmt::Expr(block, None);
        }
        _ => {}
    }
    quote!(#(#statements)*)
}

struct ValueWrapper<'a> {
    wrap: &'a dyn Fn(&Expr) -> TokenStream,
}

impl ValueWrapper<'_> {
    fn wrap(&self, value: &mut Expr) {
        if !never_returns(value) {
            *value = Expr::Verbatim((self.wrap)(value));
        }
    }

    /// Wraps the tail, with its attributes before the call. The tail may call a function that never
    /// returns, which its name does not show; the compiler would then report our call as
    /// unreachable.
    fn wrap_tail(&self, tail: &mut Expr) {
        let (attributes, mut value) = without_attributes(tail);
        if !never_returns(&value) {
            self.wrap(&mut value);
            let allow = quote_spanned!(Span::mixed_site()=> #[allow(unreachable_code)]);
            *tail = Expr::Verbatim(quote!(#(#attributes)* #allow #value));
        }
    }
}

fn without_attributes(value: &Expr) -> (Vec<Attribute>, Expr) {
    let split = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_outer)?, input.parse()?));
    split.parse2(value.to_token_stream()).unwrap_or_else(|_| (Vec::new(), value.clone()))
}

/// With `cfg` it may be removed.
fn may_vanish(value: &Expr) -> bool {
    let (attributes, _) = without_attributes(value);
    attributes.iter().any(|it| it.path().is_ident("cfg") || it.path().is_ident("cfg_attr"))
}

/// Whether an expression obviously never yields a value. A call that took it as an argument would
/// be unreachable, and rustc would warn about that.
fn never_returns(value: &Expr) -> bool {
    const NEVER: [&str; 5] = ["todo", "unimplemented", "unreachable", "panic", "bail"];
    match value {
        Expr::Return(_) => true,
        Expr::Macro(call) => call.mac.path.segments.last().is_some_and(|name| {
            let name = name.ident.to_string();
            NEVER.contains(&&*name)
        }),
        Expr::Call(call) => ends_the_process(&call.func),
        Expr::Paren(it) => never_returns(&it.expr),
        // A `break` may give it a value.
        Expr::Block(it) => it.label.is_none() && block_never_returns(&it.block),
        Expr::Unsafe(it) => block_never_returns(&it.block),
        Expr::If(it) => {
            let other = it.else_branch.as_ref();
            other.is_some_and(|(_, other)| never_returns(other))
                && block_never_returns(&it.then_branch)
        }
        Expr::Match(it) => it.arms.iter().all(|arm| never_returns(&arm.body)),
        Expr::Loop(it) => !breaks(&it.body),
        _ => false,
    }
}

/// Whether it contains a `return`, or its tail never returns. A statement with an attribute may be
/// removed, so it does not count.
fn block_never_returns(block: &Block) -> bool {
    let is_return = |statement: &Stmt| match statement {
        Stmt::Expr(value @ Expr::Return(_), _) => !has_attribute(value),
        _ => false,
    };
    let tail_never_returns = match block.stmts.last() {
        Some(Stmt::Expr(value, _)) => !has_attribute(value) && never_returns(value),
        Some(Stmt::Macro(StmtMacro { attrs, mac, .. })) if attrs.is_empty() => {
            never_returns(&Expr::Macro(ExprMacro { attrs: Vec::new(), mac: mac.clone() }))
        }
        _ => false,
    };
    tail_never_returns || block.stmts.iter().any(is_return)
}

fn has_attribute(value: &Expr) -> bool {
    value.to_token_stream().to_string().starts_with('#')
}

/// `std::process::exit` and `abort`; a shorter path may name another function.
fn ends_the_process(function: &Expr) -> bool {
    let Expr::Path(it) = function else { return false };
    let names: Vec<String> = it.path.segments.iter().map(|it| it.ident.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    matches!(names[..], ["std", "process", "exit" | "abort"])
}

/// Whether the body of a loop contains a `break`, of this loop or of an inner one: if in doubt, the
/// loop has a value.
fn breaks(body: &Block) -> bool {
    struct Finder(bool);

    impl VisitMut for Finder {
        fn visit_expr_break_mut(&mut self, _: &mut ExprBreak) {
            self.0 = true;
        }

        // The expansion of a macro is not visible.
        fn visit_macro_mut(&mut self, it: &mut syn::Macro) {
            self.0 |= it.tokens.to_string().contains("break");
        }
    }

    let mut finder = Finder(false);
    finder.visit_block_mut(&mut body.clone());
    finder.0
}

impl VisitMut for ValueWrapper<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        match expression {
            // A `return` in these does not return from the function.
            Expr::Closure(_) | Expr::Async(_) | Expr::Const(_) => {}
            Expr::Return(it) => {
                if let Some(value) = &mut it.expr {
                    self.visit_expr_mut(value);
                    self.wrap(value);
                }
            }
            other => visit_mut::visit_expr_mut(self, other),
        }
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
    fn visit_type_mut(&mut self, _: &mut syn::Type) {}
    fn visit_pat_mut(&mut self, _: &mut syn::Pat) {}
    fn visit_path_mut(&mut self, _: &mut Path) {}
    fn visit_generic_argument_mut(&mut self, _: &mut syn::GenericArgument) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(body: &str) -> String {
        let text = wrap_values(body.parse().unwrap(), &|value| quote!(L(#value))).to_string();
        text.replace([' ', '\n'], "").replace("#[allow(unreachable_code)]L(", "L(")
    }

    #[test]
    fn a_tail_that_may_be_unreachable_causes_no_warning() {
        let text =
            |body: &str| wrap_values(body.parse().unwrap(), &|value| quote!(L(#value))).to_string();
        let without_spaces = |body: &str| text(body).replace(' ', "");
        assert_eq!(without_spaces("never()"), "#[allow(unreachable_code)]L(never())");
        assert_eq!(without_spaces("#[allow(x)] a"), "#[allow(x)]#[allow(unreachable_code)]L(a)");
    }

    /// The text without spaces, and with `return 1` wrapped.
    fn with_wrapped_returns(tail: &str) -> String {
        tail.replace("return 1", "return L(1)").replace(' ', "")
    }

    #[test]
    fn wraps_returned_values_and_nothing_else() {
        assert_eq!(wrapped("let x = f()?; Ok(x)"), "letx=f()?;L(Ok(x))");
        let text = wrapped("if a { return None; } for b in c { return Some(b); } None");
        assert_eq!(text, "ifa{returnL(None);}forbinc{returnL(Some(b));}L(None)");
        let text = wrapped("let f = || { return 1; }; let g = async { return 2; }; h(f, g)");
        assert_eq!(text, "letf=||{return1;};letg=async{return2;};L(h(f,g))");
        assert_eq!(wrapped("return Ok(())"), "returnL(Ok(()))");
        assert_eq!(
            wrapped("if a { return todo!(); } std::panic!()"),
            "ifa{returntodo!();}std::panic!()"
        );
        for tail in [
            "loop { a(); }",
            "loop { if a { return 1; } }",
            "if a { return 1; } else { bail!(2) }",
            "match a { b => return 1, c => panic!(), }",
            "{ a(); std::process::exit(1) }",
        ] {
            assert_eq!(wrapped(tail), with_wrapped_returns(tail));
        }
        for tail in [
            "'a: { if b { break 'a Ok(1); } return 1; }",
            "match a { 0 => panic!(), _ => { #[cfg(b)] panic!(); 1 } }",
            "{ bail!(a); 1 }",
            "process::abort(1)",
        ] {
            assert_eq!(wrapped(tail), format!("L({})", with_wrapped_returns(tail)));
        }
        let cfg = "#[cfg(a)] { 1 } #[cfg(b)] { 2 }";
        assert_eq!(wrapped(cfg), "L({#[cfg(a)]{1}#[cfg(b)]{2}})");
        assert_eq!(wrapped("loop { break 1; }"), "L(loop{break1;})");
        assert_eq!(wrapped("if a { return 1; } else { 2 }"), "L(ifa{returnL(1);}else{2})");
        assert_eq!(wrapped("a! { b }"), "L({a!{b}})");
        assert_eq!(wrapped("a! { b } c"), "a!{b}L(c)");
        assert_eq!(wrapped("@ no rust"), "@norust");
    }
}
