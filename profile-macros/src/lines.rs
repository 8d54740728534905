//! `#[profile(lines)]`: a mark before each statement, and at each turn of a loop.
//!
//! Only boundaries of statements are added to. What a statement is made of stays as it is: no value goes through a function
//! of ours, no scrutinee, no tail, so that places stay places and temporaries live as long as before. Three exceptions,
//! each the compiler's own reading of the user's code:
//!
//! ```text
//! while c { b }   ->  loop { mark; if c { b } else { break } }     as rustc lowers it
//! for p in e { b } -> for p in marked(e) { b }                      marks each call of `next`
//! else if c { b } ->  else { mark; if c { b } }
//! ```
//!
//! A closure, a const block and a nested item stay untouched: what they do belongs to the line that calls them. So does what
//! syn cannot parse.

use std::collections::HashMap;

#[cfg(not(test))]
use crate::describe::place;
#[cfg(test)]
use tests::place;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Arm, Attribute, Block, Expr, ExprBlock, ExprForLoop, ExprIf, ExprLoop, ExprWhile, Local, Path,
    Stmt, Token, parse_quote_spanned, token,
};

/// A body with its marks.
pub struct Marked {
    pub body: TokenStream,
    /// The line of each mark, by its number.
    pub lines: Vec<u32>,
    /// How many marks there are in it.
    pub marks: usize,
}

impl Marked {
    /// A body as it is.
    pub fn without_marks(body: TokenStream) -> Marked {
        Marked { body, lines: Vec::new(), marks: 0 }
    }
}

/// How a mark finds the call it is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the variable `__profile_lines`.
    Variable,
    /// By the thread that runs it: in async code a variable would become a part of the future.
    Thread,
}

/// Marks the statements of a body. As it is, and without lines, where it cannot be parsed.
pub fn mark(body: TokenStream, krate: &Path, way: Way) -> Marked {
    let Ok(mut statements) = Block::parse_within.parse2(body.clone()) else {
        return Marked::without_marks(body);
    };
    let first = body.into_iter().next().map_or_else(Span::call_site, |tree| tree.span());
    let mut marker = Marker {
        krate,
        way,
        file: place(first).map(|place| place.file),
        lines: Vec::new(),
        numbers: HashMap::new(),
        marks: 0,
        here: None,
        back_to: None,
    };
    marker.statements(&mut statements);
    Marked { body: quote!(#(#statements)*), lines: marker.lines, marks: marker.marks }
}

struct Marker<'a> {
    krate: &'a Path,
    way: Way,
    /// What comes from elsewhere, by a macro, has lines of another text.
    file: Option<String>,
    lines: Vec<u32>,
    numbers: HashMap<u32, usize>,
    /// How many marks there are.
    marks: usize,
    /// The line that runs at this point, where that is known: it needs no mark again.
    here: Option<u32>,
    /// In a part of an expression, the line that runs on when a block in it has ended.
    back_to: Option<u32>,
}

impl Marker<'_> {
    fn statements(&mut self, statements: &mut Vec<Stmt>) {
        let mut marked = Vec::with_capacity(2 * statements.len());
        let mut unmarked = std::mem::take(statements).into_iter();
        for mut statement in unmarked.by_ref() {
            if let Some((line, cfgs)) = self.line_of(&statement) {
                if let Some(mark) = self.begin(&statement, line) {
                    let mark = quote!(#(#cfgs)* #mark);
                    marked.push(Stmt::Expr(
                        Expr::Verbatim(mark),
                        Some(Token![;](Span::mixed_site())),
                    ));
                }
                self.within(line, |marker| marker.statement(&mut statement));
            }
            let goes_on = !is_the_end(&statement);
            marked.push(statement);
            if !goes_on {
                // Nothing after it runs, and the compiler shall say so of the user's code, not of ours.
                break;
            }
        }
        marked.extend(unmarked);
        *statements = marked;
    }

    fn statement(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Local(Local { init: Some(init), .. }) => {
                self.visit_expr_mut(&mut init.expr);
                if let Some((_, diverge)) = &mut init.diverge {
                    self.visit_expr_mut(diverge);
                }
            }
            Stmt::Expr(expression, _) => self.visit_expr_mut(expression),
            Stmt::Local(_) | Stmt::Item(_) | Stmt::Macro(_) => {}
        }
    }

    /// The line of a statement that is marked, and what says whether it is there at all.
    fn line_of(&self, statement: &Stmt) -> Option<(u32, Vec<Attribute>)> {
        let attributes: &[Attribute] = match statement {
            Stmt::Item(_) => return None,
            Stmt::Local(local) => &local.attrs,
            Stmt::Macro(call) => &call.attrs,
            // An expression has its attributes inside, where only some kinds keep them.
            Stmt::Expr(expression, _) => attributes_of(expression),
        };
        let cfgs = attributes.iter().filter(|it| it.path().is_ident("cfg")).cloned().collect();
        let skip = attributes.iter().map(|it| it.to_token_stream().into_iter().count()).sum();
        let first = statement.to_token_stream().into_iter().nth(skip)?;
        Some((self.line_at(first.span())?, cfgs))
    }

    /// `None`: the token is of another text.
    fn line_at(&self, span: Span) -> Option<u32> {
        let place = place(span)?;
        (self.file.as_ref() == Some(&place.file)).then_some(place.line)
    }

    /// The mark before a statement. A loop's head is marked at each turn: it begins there.
    fn begin(&mut self, statement: &Stmt, line: u32) -> Option<TokenStream> {
        match statement {
            Stmt::Expr(Expr::While(_), _) => None,
            Stmt::Expr(Expr::ForLoop(_), _) if self.here != Some(line) => {
                self.here = Some(line);
                Some(self.call("resume", line, &TokenStream::new()))
            }
            _ => self.arrive(line),
        }
    }

    /// A mark of the line, unless it runs already.
    fn arrive(&mut self, line: u32) -> Option<TokenStream> {
        if self.here == Some(line) {
            return None;
        }
        self.here = Some(line);
        Some(self.call("at", line, &TokenStream::new()))
    }

    /// `__profile_lines.at(3)`
    fn call(&mut self, what: &str, line: u32, argument: &TokenStream) -> TokenStream {
        let here = Span::mixed_site();
        let number = self.number(line);
        self.marks += 1;
        let krate = self.krate;
        match self.way {
            Way::Variable => {
                let what = Ident::new(what, here);
                quote_spanned!(here=> __profile_lines.#what(#number #argument))
            }
            Way::Thread => {
                let what = Ident::new(&format!("{what}_here"), here);
                quote_spanned!(here=> #krate::__private::#what(&__PROFILE_SITE, #number #argument))
            }
        }
    }

    fn number(&mut self, line: u32) -> usize {
        *self.numbers.entry(line).or_insert_with(|| {
            self.lines.push(line);
            self.lines.len() - 1
        })
    }

    /// Parts of an expression on that line: a block in them goes back to it.
    fn part(&mut self, work: impl FnOnce(&mut Self)) {
        let line = self.here.or(self.back_to);
        let outer = std::mem::replace(&mut self.back_to, line);
        work(self);
        self.back_to = outer;
    }

    /// The whole of a statement: when a block in it has ended, nothing is left to be done on the line.
    fn within(&mut self, line: u32, work: impl FnOnce(&mut Self)) {
        let outer = self.back_to.take();
        self.here = Some(line);
        work(self);
        self.back_to = outer;
    }

    fn block(&mut self, block: &mut Block) {
        let back_to = self.back_to.take();
        let marks = self.marks;
        self.statements(&mut block.stmts);
        if let Some(line) = back_to.filter(|_| self.marks != marks) {
            let call = self.call("back", line, &TokenStream::new());
            let guard = parse_quote_spanned!(Span::mixed_site()=> let __profile_back = #call;);
            block.stmts.insert(0, guard);
            self.here = Some(line);
        }
        self.back_to = back_to;
    }

    /// A block into which control may come from more than one place.
    fn entered_from(&mut self, here: Option<u32>, block: &mut Block) {
        self.here = here;
        self.block(block);
    }

    fn branch(&mut self, branch: &mut ExprIf) {
        self.part(|marker| marker.visit_expr_mut(&mut branch.cond));
        let (start, marks) = (self.here, self.marks);
        self.entered_from(start, &mut branch.then_branch);
        if let Some((_, otherwise)) = &mut branch.else_branch {
            self.here = start;
            match &mut **otherwise {
                Expr::If(next) => {
                    if let Some(line) = self.line_at(next.if_token.span)
                        && let Some(mark) = self.arrive(line)
                    {
                        self.branch(next);
                        **otherwise = in_block([mark], Expr::If(next.clone()));
                    } else {
                        self.branch(next);
                    }
                }
                block => self.visit_expr_mut(block),
            }
        }
        self.join(start, marks);
    }

    /// Where ways come together that began on a line: nobody knows which was taken, if they have marks.
    fn join(&mut self, start: Option<u32>, marks: usize) {
        self.here = start.filter(|_| self.marks == marks);
    }

    fn arm(&mut self, arm: &mut Arm, start: Option<u32>) {
        self.here = start;
        match &mut *arm.body {
            Expr::Block(body) if body.label.is_none() => self.block(&mut body.block),
            body => {
                let line = self.line_at(body.span());
                let mark = line.and_then(|line| self.arrive(line));
                let back_to = self.back_to;
                // Inside, nothing is left to do on the arm's own line, but on that of the whole.
                self.visit_expr_mut(body);
                if let Some(mark) = mark {
                    let back = back_to.map(|line| {
                        let call = self.call("back", line, &TokenStream::new());
                        quote_spanned!(Span::mixed_site()=> let __profile_back = #call)
                    });
                    let value = match &*body {
                        // At the end of a block a macro is a statement, and may expand to another thing.
                        Expr::Macro(call) => Expr::Verbatim(quote!((#call))),
                        other => other.clone(),
                    };
                    *body = in_block(back.into_iter().chain([mark]), value);
                }
            }
        }
    }

    /// `loop { mark; if c { b } else { break } }`, which has the `while`'s own words where the edition is read from them.
    fn turn(&mut self, turn: &ExprWhile) -> Expr {
        let mut turn = turn.clone();
        let line = self.line_at(turn.while_token.span).or(self.here);
        self.here = line;
        let mark = line.map(|line| self.call("at", line, &TokenStream::new()));
        self.part(|marker| marker.visit_expr_mut(&mut turn.cond));
        let back_to = self.back_to.take();
        self.entered_from(line, &mut turn.body);
        self.back_to = back_to;
        self.here = None;
        let here = Span::mixed_site();
        let ExprWhile { attrs, label, while_token, cond, body } = turn;
        let if_token = Token![if](while_token.span);
        let inside = quote_spanned!(here=> #mark; #if_token #cond #body else { break; });
        let stmts = vec![Stmt::Expr(Expr::Verbatim(inside), None)];
        let body = Block { brace_token: token::Brace(here), stmts };
        Expr::Loop(ExprLoop { attrs, label, loop_token: Token![loop](while_token.span), body })
    }

    fn each(&mut self, each: &mut ExprForLoop) {
        let line = self.line_at(each.for_token.span).or(self.here);
        self.part(|marker| marker.visit_expr_mut(&mut each.expr));
        if let Some(line) = line {
            let expression = &each.expr;
            let argument = quote_spanned!(Span::mixed_site()=> , #expression);
            let marked = self.call("iter", line, &argument);
            *each.expr = Expr::Verbatim(marked);
        }
        let back_to = self.back_to.take();
        self.entered_from(line, &mut each.body);
        self.back_to = back_to;
        self.here = None;
    }
}

/// `{ mark; expression }`
fn in_block(before: impl IntoIterator<Item = TokenStream>, expression: Expr) -> Expr {
    let semicolon = Token![;](Span::mixed_site());
    let before = before.into_iter().map(|it| Stmt::Expr(Expr::Verbatim(it), Some(semicolon)));
    let stmts = before.chain([Stmt::Expr(expression, None)]).collect();
    let block = Block { brace_token: token::Brace(Span::mixed_site()), stmts };
    Expr::Block(ExprBlock { attrs: Vec::new(), label: None, block })
}

/// Whether it is plain that nothing runs after it.
fn is_the_end(statement: &Stmt) -> bool {
    const NEVER: [&str; 4] = ["panic", "unreachable", "todo", "unimplemented"];
    let call = match statement {
        Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _) => return true,
        Stmt::Expr(Expr::Macro(call), _) => &call.mac,
        Stmt::Macro(call) => &call.mac,
        _ => return false,
    };
    call.path.segments.last().is_some_and(|name| NEVER.iter().any(|never| name.ident == never))
}

impl VisitMut for Marker<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        match expression {
            // The length is a constant.
            Expr::Repeat(list) => self.part(|marker| marker.visit_expr_mut(&mut list.expr)),
            Expr::Closure(_)
            | Expr::Const(_)
            | Expr::Macro(_)
            | Expr::Verbatim(_)
            | Expr::Lit(_)
            | Expr::Path(_) => {}
            Expr::If(branch) => self.branch(branch),
            Expr::While(turn) => *expression = self.turn(turn),
            Expr::ForLoop(each) => self.each(each),
            Expr::Loop(turn) => {
                // Control comes from the end of the body as well.
                self.entered_from(None, &mut turn.body);
                self.here = None;
            }
            Expr::Match(choice) => {
                self.part(|marker| marker.visit_expr_mut(&mut choice.expr));
                let (start, marks) = (self.here, self.marks);
                for arm in &mut choice.arms {
                    self.arm(arm, start);
                }
                self.join(start, marks);
            }
            Expr::Block(block) => self.block(&mut block.block),
            Expr::Unsafe(block) => self.block(&mut block.block),
            Expr::TryBlock(block) => self.block(&mut block.block),
            Expr::Async(block) => self.async_block(&mut block.block),
            // Nothing is left to do on the line when these have their value.
            Expr::Paren(inner) => self.visit_expr_mut(&mut inner.expr),
            Expr::Group(inner) => self.visit_expr_mut(&mut inner.expr),
            Expr::Try(inner) => self.visit_expr_mut(&mut inner.expr),
            Expr::Return(inner) => {
                if let Some(value) = &mut inner.expr {
                    self.visit_expr_mut(value);
                }
            }
            Expr::Break(inner) => {
                if let Some(value) = &mut inner.expr {
                    self.visit_expr_mut(value);
                }
            }
            Expr::Assign(both) => {
                self.part(|marker| marker.visit_expr_mut(&mut both.left));
                self.visit_expr_mut(&mut both.right);
            }
            other => self.part(|marker| visit_mut::visit_expr_mut(marker, other)),
        }
    }

    // What is no statement of this body.
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
    fn visit_type_mut(&mut self, _: &mut syn::Type) {}
    fn visit_pat_mut(&mut self, _: &mut syn::Pat) {}
    fn visit_path_mut(&mut self, _: &mut Path) {}
    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}
    fn visit_generic_argument_mut(&mut self, _: &mut syn::GenericArgument) {}
}

impl Marker<'_> {
    /// It may run in another thread, and may not hold what its maker holds.
    fn async_block(&mut self, block: &mut Block) {
        let way = std::mem::replace(&mut self.way, Way::Thread);
        let back_to = self.back_to.take();
        let here = self.here;
        self.entered_from(None, block);
        (self.way, self.back_to, self.here) = (way, back_to, here);
    }
}

/// Attributes before an expression statement; a kind that is not here keeps its own.
fn attributes_of(expression: &Expr) -> &[Attribute] {
    match expression {
        Expr::Array(it) => &it.attrs,
        Expr::Assign(it) => &it.attrs,
        Expr::Async(it) => &it.attrs,
        Expr::Block(it) => &it.attrs,
        Expr::Break(it) => &it.attrs,
        Expr::Call(it) => &it.attrs,
        Expr::Continue(it) => &it.attrs,
        Expr::ForLoop(it) => &it.attrs,
        Expr::If(it) => &it.attrs,
        Expr::Loop(it) => &it.attrs,
        Expr::Macro(it) => &it.attrs,
        Expr::Match(it) => &it.attrs,
        Expr::MethodCall(it) => &it.attrs,
        Expr::Path(it) => &it.attrs,
        Expr::Return(it) => &it.attrs,
        Expr::Struct(it) => &it.attrs,
        Expr::Tuple(it) => &it.attrs,
        Expr::Unsafe(it) => &it.attrs,
        Expr::While(it) => &it.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::Place;

    /// Outside of the compiler: tokens have the lines of the text they were parsed from.
    pub(super) fn place(span: Span) -> Option<Place> {
        let line = u32::try_from(span.start().line).ok()?;
        Some(Place { file: String::new(), line, column: 1 })
    }

    /// The body with `L3!` for a mark of line 3, `<3` for one that goes back to it; without blanks.
    fn marked(body: &str, way: Way) -> String {
        let Marked { body, lines, .. } = mark(body.parse().unwrap(), &syn::parse_quote!(k), way);
        let mut text = body.to_string().replace([' ', '\n'], "");
        for (number, line) in lines.iter().enumerate() {
            for (call, short) in [
                (format!("__profile_lines.at({number}usize)"), format!("L{line}!")),
                (
                    format!("k::__private::at_here(&__PROFILE_SITE,{number}usize)"),
                    format!("T{line}!"),
                ),
                (format!("__profile_lines.resume({number}usize)"), format!("R{line}!")),
                (
                    format!("let__profile_back=__profile_lines.back({number}usize)"),
                    format!("<{line}"),
                ),
                (format!("__profile_lines.iter({number}usize,"), format!("I{line}(")),
            ] {
                text = text.replace(&call, &short);
            }
        }
        text
    }

    #[test]
    fn each_statement_is_marked_once_a_line() {
        let text = marked("a();\nlet x = b();\nc(x); d();\nx", Way::Variable);
        assert_eq!(text, "L1!;a();L2!;letx=b();L3!;c(x);d();L4!;x");
        let text = marked("#[cfg(y)] a();\nuse b;\nm! { c }\nfn f() { d() }", Way::Variable);
        assert_eq!(text, "#[cfg(y)]L1!;#[cfg(y)]a();useb;L3!;m!{c}fnf(){d()}");
    }

    #[test]
    fn loops_are_marked_at_each_turn() {
        let text = marked("for x in y() {\n z(x);\n}", Way::Variable);
        assert_eq!(text, "R1!;forxinI1(y()){L2!;z(x);}");
        let text = marked("'a: while let Some(x) = y() {\n z(x);\n}", Way::Variable);
        assert_eq!(text, "'a:loop{L1!;ifletSome(x)=y(){L2!;z(x);}else{break;}}");
        let text = marked("loop { a(); }", Way::Variable);
        assert_eq!(text, "L1!;loop{L1!;a();}");
    }

    #[test]
    fn branches_and_arms_are_marked_where_they_stand() {
        let text = marked("if a {\n b\n} else if c {\n d\n} else {\n e\n}", Way::Variable);
        assert_eq!(text, "L1!;ifa{L2!;b}else{L3!;ifc{L4!;d}else{L6!;e}}");
        let text = marked("match a {\n B => c,\n D => m!(),\n E => {\n f }\n}", Way::Variable);
        assert_eq!(text, "L1!;matcha{B=>{L2!;c},D=>{L3!;(m!())},E=>{L5!;f}}");
        let text = marked("let Some(x) = a else {\n return;\n};", Way::Variable);
        assert_eq!(text, "L1!;letSome(x)=aelse{L2!;return;};");
    }

    #[test]
    fn what_is_left_to_do_after_a_block_belongs_to_its_statement() {
        let text = marked("f(if a {\n b\n} else {\n c\n});\nd", Way::Variable);
        assert_eq!(text, "L1!;f(ifa{<1;L2!;b}else{<1;L4!;c});L6!;d");
        let text = marked("let x = unsafe {\n a()\n};", Way::Variable);
        assert_eq!(text, "L1!;letx=unsafe{L2!;a()};");
    }

    #[test]
    fn closures_constants_and_what_cannot_be_read_stay_as_they_are() {
        for body in ["f(|x| {\n g(x)\n})", "[0; {\n 3\n}]", "const {\n f()\n}"] {
            let text = marked(body, Way::Variable);
            assert_eq!(text, format!("L1!;{}", body.replace([' ', '\n'], "")));
        }
        assert_eq!(marked("@ not rust", Way::Variable), "@notrust");
        assert_eq!(marked("return a;\nb();", Way::Variable), "L1!;returna;b();");
    }

    #[test]
    fn async_code_finds_its_call_by_the_thread() {
        let text = marked("let f = async move {\n a.await\n};\nf.await", Way::Variable);
        assert_eq!(text, "L1!;letf=asyncmove{T2!;a.await};L4!;f.await");
    }
}
