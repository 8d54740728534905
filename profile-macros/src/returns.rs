//! `#[profile(returns)]` and `raise`: each value that a function returns passes a look at it.
//!
//! The tail and what stands behind `return` become arguments of a function that gives them back: a value that is returned is moved
//! anyway, and as an argument it is coerced and keeps its temporaries as before. What `?` returns is not seen, and known
//! by that: it is an `Err` or a `None`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, Path, Stmt, StmtMacro};

/// The body with each value as `wrap` makes it. As it is where it cannot be parsed.
pub fn look(body: TokenStream, wrap: &dyn Fn(&Expr) -> TokenStream) -> TokenStream {
    let Ok(mut statements) = Block::parse_within.parse2(body.clone()) else { return body };
    let mut looker = Looker { wrap };
    statements.iter_mut().for_each(|statement| looker.visit_stmt_mut(statement));
    match statements.last_mut() {
        Some(Stmt::Expr(tail, None)) => looker.wrap(tail),
        // It may make statements, which no argument can be, but a block.
        Some(tail @ Stmt::Macro(StmtMacro { semi_token: None, .. })) => {
            let mut block: Expr = syn::parse_quote!({ #tail });
            looker.wrap(&mut block);
            *tail = Stmt::Expr(block, None);
        }
        _ => {}
    }
    quote!(#(#statements)*)
}

struct Looker<'a> {
    wrap: &'a dyn Fn(&Expr) -> TokenStream,
}

impl Looker<'_> {
    fn wrap(&self, value: &mut Expr) {
        if !matches!(value, Expr::Return(_)) && !never_returns(value) {
            *value = Expr::Verbatim((self.wrap)(value));
        }
    }
}

/// `todo!()` and the like: what takes such a value is never reached, and rustc would say so.
fn never_returns(value: &Expr) -> bool {
    const NEVER: [&str; 4] = ["todo", "unimplemented", "unreachable", "panic"];
    let Expr::Macro(call) = value else { return false };
    call.mac.path.segments.last().is_some_and(|name| NEVER.iter().any(|it| name.ident == it))
}

impl VisitMut for Looker<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        match expression {
            // What returns from these does not return from the function.
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

    fn looked(body: &str) -> String {
        let text = look(body.parse().unwrap(), &|value| quote!(L(#value))).to_string();
        text.replace([' ', '\n'], "")
    }

    #[test]
    fn what_is_returned_is_looked_at_and_nothing_else() {
        assert_eq!(looked("let x = f()?; Ok(x)"), "letx=f()?;L(Ok(x))");
        let text = looked("if a { return None; } for b in c { return Some(b); } None");
        assert_eq!(text, "ifa{returnL(None);}forbinc{returnL(Some(b));}L(None)");
        let text = looked("let f = || { return 1; }; let g = async { return 2; }; h(f, g)");
        assert_eq!(text, "letf=||{return1;};letg=async{return2;};L(h(f,g))");
        assert_eq!(looked("return Ok(())"), "returnL(Ok(()))");
        assert_eq!(
            looked("if a { return todo!(); } std::panic!()"),
            "ifa{returntodo!();}std::panic!()"
        );
        assert_eq!(looked("a! { b }"), "L({a!{b}})");
        assert_eq!(looked("a! { b } c"), "a!{b}L(c)");
        assert_eq!(looked("@ no rust"), "@norust");
    }
}
