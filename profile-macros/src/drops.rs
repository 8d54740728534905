//! Which variables a block may have to drop at its end, as far as its tokens show; their types
//! decide the rest.
//!
//! This module must not generate code.

use proc_macro2::Ident;
use std::collections::HashSet;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprLet, Local, LocalInit, Pat, PatIdent, Stmt};

/// The variables that a pattern binds. An identifier that begins with a capital letter is a
/// constant to compare with.
pub fn variables_of(pattern: &Pat) -> Vec<Ident> {
    struct Finder(Vec<Ident>);

    impl VisitMut for Finder {
        fn visit_pat_ident_mut(&mut self, it: &mut PatIdent) {
            let is_constant = it.ident.to_string().starts_with(char::is_uppercase);
            if !is_constant && !self.0.contains(&it.ident) {
                self.0.push(it.ident.clone());
            }
            visit_mut::visit_pat_ident_mut(self, it);
        }
    }

    let mut finder = Finder(Vec::new());
    finder.visit_pat_mut(&mut pattern.clone());
    finder.0
}

/// The variables bound by the conditions of `if let` and `while let`, including chains.
pub fn variables_of_condition(condition: &Expr) -> Vec<Ident> {
    match condition {
        Expr::Let(ExprLet { pat, .. }) => variables_of(pat),
        Expr::Binary(both) => {
            let [left, right] = [&both.left, &both.right].map(|it| variables_of_condition(it));
            // A binding on the right shadows one of the same name on the left.
            let hidden = |it: &Ident| right.contains(it);
            left.into_iter().filter(|it| !hidden(it)).chain(right.clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// Names of variables that a block always moves out before its end: a type that is not `Copy` is
/// moved where its name alone is used as a value. Names that the block binds more than once are
/// excluded, since it is unclear which of the variables was moved.
pub fn moved_by(statements: &[Stmt]) -> HashSet<String> {
    let mut moves = Moves::default();
    let mut made = HashSet::new();
    let mut made_again = HashSet::new();
    for statement in statements {
        moves.statement(statement);
        if let Stmt::Local(local) = statement {
            let names = variables_of(&local.pat).into_iter().map(|it| it.to_string());
            made_again.extend(names.filter(|name| !made.insert(name.clone())));
        }
    }
    moves.0.difference(&made_again).cloned().collect()
}

/// Names used alone as a value, in code that always runs before the end of the block is reached.
#[derive(Default)]
struct Moves(HashSet<String>);

impl Moves {
    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Local(Local { pat, init: Some(LocalInit { expr, .. }), .. }) => match pat {
                Pat::Ident(it) if it.by_ref.is_none() => self.value(expr),
                Pat::Type(_) => self.value(expr),
                // Other patterns may leave all or part of the value where it was.
                _ => self.place(expr),
            },
            Stmt::Expr(expression, _) => self.value(expression),
            Stmt::Local(_) | Stmt::Item(_) | Stmt::Macro(_) => {}
        }
    }

    fn value(&mut self, expression: &Expr) {
        match expression {
            Expr::Path(it) => self.0.extend(it.path.get_ident().map(Ident::to_string)),
            Expr::Array(it) => it.elems.iter().for_each(|it| self.value(it)),
            Expr::Tuple(it) => it.elems.iter().for_each(|it| self.value(it)),
            Expr::Struct(it) => it.fields.iter().for_each(|it| self.value(&it.expr)),
            Expr::Assign(it) => self.value(&it.right),
            Expr::ForLoop(it) => self.value(&it.expr),
            Expr::Return(it) => it.expr.iter().for_each(|it| self.value(it)),
            other => self.place(other),
        }
    }

    /// An expression that may only be read, apart from the values within it.
    fn place(&mut self, expression: &Expr) {
        match expression {
            Expr::Call(it) => {
                self.place(&it.func);
                it.args.iter().for_each(|it| self.value(it));
            }
            Expr::MethodCall(it) => {
                self.place(&it.receiver);
                it.args.iter().for_each(|it| self.value(it));
            }
            Expr::Await(it) => self.place(&it.base),
            Expr::Field(it) => self.place(&it.base),
            Expr::Match(it) => self.place(&it.expr),
            Expr::Paren(it) => self.place(&it.expr),
            Expr::Reference(it) => self.place(&it.expr),
            Expr::Try(it) => self.place(&it.expr),
            Expr::Unary(it) => self.place(&it.expr),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::Block;
    use syn::parse::Parser as _;

    fn moved(body: &str) -> Vec<String> {
        let mut names: Vec<String> =
            moved_by(&Block::parse_within.parse_str(body).unwrap()).into_iter().collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_alone_as_a_value_is_moved() {
        assert_eq!(
            moved("let a = f(b); c.push(d, (e, [g])); h(i)?.k(l).await; Ok(m)"),
            ["b", "d", "e", "g", "i", "l", "m"]
        );
        assert_eq!(
            moved("for a in b {} c = d; let e: T = x; S { f, g: h }; i"),
            ["b", "d", "f", "h", "i", "x"]
        );
    }

    #[test]
    fn a_name_that_may_only_be_read_is_not_moved() {
        for body in [
            "f(&a)",
            "a.b(); a.c",
            "let _ = a; let (b, _) = c; let ref d = e;",
            "if a { f(b) } match c { _ => f(d) } while e { f(g) }",
            "|| f(a)",
            "m!(a)",
            "a && f(b)",
            "let a = 1; f(a); let a = 2;",
        ] {
            assert_eq!(moved(body), [""; 0], "{body}");
        }
    }

    #[test]
    fn patterns_name_their_variables() {
        let names = |condition: &str| -> Vec<String> {
            let condition = syn::parse_str(condition).unwrap();
            variables_of_condition(&condition).iter().map(ToString::to_string).collect()
        };
        assert_eq!(names("let Some(S { a, b: (ref c, _), .. }) = x"), ["a", "c"]);
        assert_eq!(names("let A(x) | B(x) = y && x > 1 && let None = z"), ["x"]);
        assert_eq!(names("let a @ [b, ..] = c"), ["a", "b"]);
        assert_eq!(names("a == b"), [""; 0]);
    }
}
