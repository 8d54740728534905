//! `#[profile(lines)]`: a mark before each statement, and at each iteration of a loop.
//!
//! Marks are added only between statements. The statements themselves stay as they are: no value,
//! scrutinee or tail passes through a function of ours, so that place expressions stay places and
//! temporaries live as long as before. There are three exceptions, each equivalent to the
//! compiler's own lowering:
//!
//! ```text
//! while c { b }   ->  loop { mark; if c { b } else { break } }     as rustc lowers it
//! for p in e { b } -> for p in marked(e) { b }                      marks each call of `next`
//! else if c { b } ->  else { mark; if c { b } }
//! ```
//!
//! A closure, a const block and a nested item stay unchanged: what they do belongs to the line that
//! calls them. The same applies to code that syn cannot parse, and to the contents of macros. Those
//! that span several lines are listed as [`Part`]s.
//!
//! What a block drops at its end belongs to its closing brace: a guard before its last expression
//! switches to that line once the value of the block is known. This happens only where a variable
//! of the block has something to drop, which is a constant of its type:
//!
//! ```text
//! let x = f();                    let __profile_drops = __profile_drops | drops(&x);
//! …                               let __profile_end = __profile_lines.end(5, __profile_drops);
//! ```

use std::collections::{HashMap, HashSet};

#[cfg(not(test))]
use crate::describe::location;
#[cfg(test)]
use tests::location;

use crate::drops::{moved_by, variables_of, variables_of_condition};
use crate::parsing::mentions;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Arm, Attribute, Block, Expr, ExprBlock, ExprBreak, ExprForLoop, ExprIf, ExprLoop, ExprReturn,
    ExprWhile, Local, LocalInit, Macro, Pat, Path, Stmt, Token, parse_quote_spanned, token,
};

/// A body with its marks.
pub struct Marked {
    pub body: TokenStream,
    /// The line of each mark, by its index.
    pub lines: Vec<u32>,
    /// The number of marks in the body.
    pub marks: usize,
    /// Code that has no lines of its own.
    pub parts: Vec<Part>,
}

/// A closure or a macro over several lines, all counted on the line of its statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first and last line.
    pub lines: [u32; 2],
    /// The line of the statement.
    pub counted_on: u32,
    /// `closure`, or the macro's name with `!`.
    pub what: String,
}

impl Marked {
    /// A body without marks.
    pub fn without_marks(body: TokenStream) -> Marked {
        Marked { body, lines: Vec::new(), marks: 0, parts: Vec::new() }
    }
}

/// How a mark finds the call it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Through the variable `__profile_lines`.
    Variable,
    /// Through the current thread: in async code a variable would become part of the future.
    Thread,
}

/// The context of a body.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub krate: &'a Path,
    pub lookup: Lookup,
    /// Its closing brace.
    pub close: Span,
    /// Whether its function has `#[expect(unreachable_code)]`: then the compiler must find
    /// unreachable code, even if it is a mark.
    pub expects_unreachable: bool,
}

/// Marks the statements of a body. Unchanged, and without lines, if it cannot be parsed.
pub fn mark(body: TokenStream, context: Context<'_>) -> Marked {
    let Ok(mut statements) = Block::parse_within.parse2(body.clone()) else {
        return Marked::without_marks(body);
    };
    let mut words = HashMap::new();
    count_words(body.clone(), &mut words);
    let first = body.into_iter().next().map_or_else(Span::call_site, |tree| tree.span());
    let mut marker = Marker {
        krate: context.krate,
        lookup: context.lookup,
        allow: (!context.expects_unreachable).then(allow),
        file: location(first).map(|location| location.file),
        words,
        lines: Vec::new(),
        numbers: HashMap::new(),
        marks: 0,
        parts: Vec::new(),
        here: None,
        back_to: None,
        enters_async: false,
    };
    let end = End::of(context.close);
    marker.statements(&mut statements, end);
    let Marker { lines, marks, parts, .. } = marker;
    Marked { body: quote!(#(#statements)*), lines, marks, parts }
}

/// A mark may follow code that never ends, which is not the user's mistake.
fn allow() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> #[allow(unreachable_code)])
}

/// How often each word occurs in the tokens, including those in literals, which a macro may read
/// (`"{name}"`).
fn count_words(tokens: TokenStream, words: &mut HashMap<String, usize>) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => count_words(group.stream(), words),
            TokenTree::Ident(word) => *words.entry(word.to_string()).or_default() += 1,
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let parts = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
                parts.for_each(|word| *words.entry(word.to_owned()).or_default() += 1);
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// The end of a block.
struct End {
    /// The span of the brace.
    span: Span,
    /// Whether other code is on its line, as in `} else {`: reaching such an end is not counted as
    /// a hit.
    is_shared: bool,
    /// Variables of a pattern before the block, which it drops like its own.
    variables: Vec<Ident>,
}

impl End {
    fn of(span: Span) -> End {
        End { span, is_shared: false, variables: Vec::new() }
    }
}

struct Marker<'a> {
    krate: &'a Path,
    lookup: Lookup,
    /// The attribute of each mark.
    allow: Option<TokenStream>,
    /// The file of the body. Code from another file, through a macro, has unrelated line numbers.
    file: Option<String>,
    /// How often each word occurs in the body.
    words: HashMap<String, usize>,
    lines: Vec<u32>,
    numbers: HashMap<u32, usize>,
    /// The number of marks so far.
    marks: usize,
    parts: Vec<Part>,
    /// The line that is current at this point, if known: it needs no further mark.
    here: Option<u32>,
    /// In a part of an expression, the line to return to when a block in it has ended.
    back_to: Option<u32>,
    /// The next mark is the first of an async block: its line may already be current in the
    /// code that polls it.
    enters_async: bool,
}

impl Marker<'_> {
    fn statements(&mut self, statements: &mut Vec<Stmt>, end: End) {
        let end_line = self.line_of_end(statements, &end);
        let mut drops =
            Drops { moved_out: end_line.map(|_| moved_by(statements)), has_some: false };
        let value = statements.pop_if(|last| is_value(last));
        let mut marked = drops.noted(self, &end.variables, &[]);
        let mut unmarked = std::mem::take(statements).into_iter();
        // Nothing runs after a diverging statement, and the compiler should report that for the
        // user's code, not for a mark.
        let continues = unmarked.all(|statement| {
            let continues = !diverges(&statement);
            self.mark_statement(statement, &mut drops, &mut marked);
            continues
        });
        marked.extend(unmarked);
        if continues {
            marked.extend(self.end(end_line, &end, &drops, value.as_ref()));
        }
        match value {
            Some(value) if continues => self.mark_statement(value, &mut drops, &mut marked),
            other => marked.extend(other),
        }
        *statements = marked;
    }

    /// A statement, with what goes before and after it.
    fn mark_statement(&mut self, mut statement: Stmt, drops: &mut Drops, marked: &mut Vec<Stmt>) {
        if let Some((line, cfgs)) = self.line_of(&statement) {
            if let Some(mark) = self.begin(&statement, line) {
                let mark = Expr::Verbatim(quote!(#(#cfgs)* #mark));
                marked.push(Stmt::Expr(mark, Some(Token![;](Span::mixed_site()))));
            }
            self.within(line, |marker| marker.statement(&mut statement));
        }
        let noted = drops.noted_of(self, &statement);
        marked.push(statement);
        marked.extend(noted);
    }

    /// The line on which a block ends, if that is not the line of its last statement.
    fn line_of_end(&self, statements: &[Stmt], end: &End) -> Option<u32> {
        let line = self.line_at(end.span)?;
        let (last, _) = self.line_of(statements.last()?)?;
        (line != last).then_some(line)
    }

    /// Before the value of a block, or after its last statement: only dropping its variables
    /// remains.
    fn end(
        &mut self,
        line: Option<u32>,
        end: &End,
        drops: &Drops,
        value: Option<&Stmt>,
    ) -> Option<Stmt> {
        let line = line.filter(|_| drops.has_some)?;
        // If the value is removed by `cfg`, an earlier statement is the value.
        let cfgs = value.map(cfgs_of).unwrap_or_default();
        let allow = self.allow.clone();
        let hit = !end.is_shared;
        let argument = quote_spanned!(Span::mixed_site()=> , __profile_drops, #hit);
        let call = self.call("end", line, &argument);
        Some(parse_quote_spanned!(Span::mixed_site()=> #(#cfgs)* #allow let __profile_end = #call;))
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
            Stmt::Macro(call) => self.macro_call(&call.mac),
            Stmt::Local(_) | Stmt::Item(_) => {}
        }
    }

    fn macro_call(&mut self, call: &Macro) {
        if let Some(name) = call.path.segments.last() {
            self.list_part(format!("{}!", name.ident), call.to_token_stream());
        }
    }

    /// Lists code whose lines have no marks.
    fn list_part(&mut self, what: String, tokens: TokenStream) {
        let Some([first, last]) = edges(tokens) else { return };
        // `line_at` checks that the last token is from this file before its end is used.
        let lines = (self.line_at(first), self.line_at(last).and_then(|_| line_of_end(last)));
        if let ((Some(first), Some(last)), Some(counted_on)) = (lines, self.here.or(self.back_to))
            && last > first
        {
            self.parts.push(Part { lines: [first, last], counted_on, what });
        }
    }

    /// The line of a statement that is marked, and the attributes that may remove it.
    fn line_of(&self, statement: &Stmt) -> Option<(u32, Vec<Attribute>)> {
        let attributes = attributes_of_statement(statement)?;
        if attributes.iter().any(expects_unreachable) {
            // The compiler reports the first unreachable code, which must not be a mark.
            return None;
        }
        let cfgs = cfgs_of(statement);
        let skip = attributes.iter().map(|it| it.to_token_stream().into_iter().count()).sum();
        let first = statement.to_token_stream().into_iter().nth(skip)?;
        Some((self.line_at(first.span())?, cfgs))
    }

    /// `None`: the token is from another file.
    fn line_at(&self, span: Span) -> Option<u32> {
        let location = location(span)?;
        (self.file.as_ref() == Some(&location.file)).then_some(location.line)
    }

    /// The mark before a statement.
    fn begin(&mut self, statement: &Stmt, line: u32) -> Option<TokenStream> {
        match statement {
            Stmt::Expr(Expr::While(_), _) if self.here != Some(line) => None,
            Stmt::Expr(expression, _) => self.before(expression, line),
            Stmt::Local(Local { init: Some(LocalInit { expr, .. }), .. }) => {
                self.before(expr, line)
            }
            _ => self.arrive(line),
        }
    }

    /// The mark before an expression on that line. If it begins with a loop that has a mark there
    /// in each iteration, the first of these counts as the hit.
    fn before(&mut self, expression: &Expr, line: u32) -> Option<TokenStream> {
        let has_mark_in_each_iteration = match first_evaluated(expression) {
            Expr::While(_) | Expr::ForLoop(_) => true,
            Expr::Loop(it) => {
                let first = it.body.stmts.iter().find_map(|it| self.line_of(it));
                first.is_some_and(|(first, cfgs)| first == line && cfgs.is_empty())
            }
            _ => false,
        };
        match has_mark_in_each_iteration {
            false => self.arrive(line),
            true if self.here == Some(line) => Some(self.marked("uncount", line)),
            true => {
                self.here = Some(line);
                Some(self.marked("resume", line))
            }
        }
    }

    /// A mark of the line, unless it is already current.
    fn arrive(&mut self, line: u32) -> Option<TokenStream> {
        if self.here == Some(line) {
            return None;
        }
        self.here = Some(line);
        let what = if std::mem::take(&mut self.enters_async) { "enter" } else { "at" };
        Some(self.marked(what, line))
    }

    /// A mark as a statement.
    fn marked(&mut self, what: &str, line: u32) -> TokenStream {
        let call = self.call(what, line, &TokenStream::new());
        let allow = &self.allow;
        quote!(#allow #call)
    }

    /// `__profile_lines.at(3)`
    fn call(&mut self, what: &str, line: u32, argument: &TokenStream) -> TokenStream {
        let here = Span::mixed_site();
        let number = self.number(line);
        self.marks += 1;
        let krate = self.krate;
        match self.lookup {
            Lookup::Variable => {
                let what = Ident::new(what, here);
                quote_spanned!(here=> __profile_lines.#what(#number #argument))
            }
            Lookup::Thread => {
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

    /// Visits parts of an expression on that line: after a block in them, the line is current
    /// again.
    fn part(&mut self, work: impl FnOnce(&mut Self)) {
        let line = self.here.or(self.back_to);
        let outer = std::mem::replace(&mut self.back_to, line);
        work(self);
        self.back_to = outer;
    }

    /// Visits a whole statement: after a block at its end, nothing remains to be done on the line.
    fn within(&mut self, line: u32, work: impl FnOnce(&mut Self)) {
        let outer = self.back_to.take();
        self.here = Some(line);
        work(self);
        self.back_to = outer;
    }

    fn block(&mut self, block: &mut Block) {
        self.block_with(block, Vec::new(), false);
    }

    /// A block that also drops the variables of a pattern; for `is_shared` see [`End`].
    fn block_with(&mut self, block: &mut Block, variables: Vec<Ident>, is_shared: bool) {
        let back_to = self.back_to.take();
        let marks = self.marks;
        let end = End { span: block.brace_token.span.close(), is_shared, variables };
        self.statements(&mut block.stmts, end);
        if let Some(line) = back_to.filter(|_| self.marks != marks) {
            let allow = self.allow.clone();
            let call = self.call("back", line, &TokenStream::new());
            let guard =
                parse_quote_spanned!(Span::mixed_site()=> #allow let __profile_back = #call;);
            block.stmts.insert(0, guard);
            self.here = Some(line);
        }
        self.back_to = back_to;
    }

    /// A block that can be entered from more than one point.
    fn entered_from(&mut self, here: Option<u32>, block: &mut Block, variables: Vec<Ident>) {
        self.here = here;
        self.block_with(block, variables, false);
    }

    fn branch(&mut self, branch: &mut ExprIf) {
        let variables = variables_of_condition(&branch.cond);
        self.part(|marker| marker.visit_expr_mut(&mut branch.cond));
        let (start, marks) = (self.here, self.marks);
        let next = branch.else_branch.as_ref();
        // `} else if c {` counts as a hit when the condition is evaluated.
        let is_shared = next.is_some_and(|(_, next)| matches!(**next, Expr::If(_)));
        self.block_with(&mut branch.then_branch, variables, is_shared);
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

    /// Where branches that began on a line join: if they have marks, the current line is unknown.
    fn join(&mut self, start: Option<u32>, marks: usize) {
        self.here = start.filter(|_| self.marks == marks);
    }

    fn arm(&mut self, arm: &mut Arm, start: Option<u32>) {
        self.here = start;
        match &mut *arm.body {
            Expr::Block(body) if body.label.is_none() => {
                self.block_with(&mut body.block, variables_of(&arm.pat), false);
            }
            body => {
                let line = self.line_at(body.span());
                let mark = line.and_then(|line| self.before(body, line));
                let back_to = self.back_to;
                // Within the body, the line to return to is that of the whole `match`, not the
                // arm's.
                self.visit_expr_mut(body);
                if let Some(mark) = mark {
                    let back = back_to.map(|line| {
                        let allow = self.allow.clone();
                        let call = self.call("back", line, &TokenStream::new());
                        quote_spanned!(Span::mixed_site()=> #allow let __profile_back = #call)
                    });
                    let value = match &*body {
                        // At the end of a block a macro is a statement, and may expand to something
                        // else.
                        Expr::Macro(call) => Expr::Verbatim(quote!((#call))),
                        other => other.clone(),
                    };
                    *body = in_block(back.into_iter().chain([mark]), value);
                }
            }
        }
    }

    /// `loop { mark; if c { b } else { break } }`, with the spans of the `while` keyword, from
    /// which the edition is read.
    fn while_loop(&mut self, it: &ExprWhile) -> Expr {
        let mut it = it.clone();
        let line = self.line_at(it.while_token.span).or(self.here);
        self.here = line;
        let mark = line.map(|line| self.marked("at", line));
        let variables = variables_of_condition(&it.cond);
        self.part(|marker| marker.visit_expr_mut(&mut it.cond));
        let back_to = self.back_to.take();
        self.entered_from(line, &mut it.body, variables);
        self.back_to = back_to;
        self.here = None;
        let here = Span::mixed_site();
        let ExprWhile { attrs, label, while_token, cond, body } = it;
        let if_token = Token![if](while_token.span);
        let inside = quote_spanned!(here=> #mark; #if_token #cond #body else { break; });
        let stmts = vec![Stmt::Expr(Expr::Verbatim(inside), None)];
        let body = Block { brace_token: token::Brace(here), stmts };
        Expr::Loop(ExprLoop { attrs, label, loop_token: Token![loop](while_token.span), body })
    }

    fn for_loop(&mut self, it: &mut ExprForLoop) {
        let line = self.line_at(it.for_token.span).or(self.here);
        self.part(|marker| marker.visit_expr_mut(&mut it.expr));
        if let Some(line) = line {
            let expression = &it.expr;
            let argument = quote_spanned!(Span::mixed_site()=> , #expression);
            let marked = self.call("iter", line, &argument);
            *it.expr = Expr::Verbatim(marked);
        }
        let back_to = self.back_to.take();
        self.entered_from(line, &mut it.body, variables_of(&it.pat));
        self.back_to = back_to;
        self.here = None;
    }
}

/// Which variables of a block have something to drop.
struct Drops {
    /// Variables that the block always moves out; `None`: it does not end on a line of its own, so
    /// this is not needed.
    moved_out: Option<HashSet<String>>,
    /// Whether `__profile_drops` has been declared.
    has_some: bool,
}

impl Drops {
    /// The statements that update `__profile_drops` for the variables of a `let`.
    fn noted_of(&mut self, marker: &Marker<'_>, statement: &Stmt) -> Vec<Stmt> {
        match statement {
            Stmt::Local(local) if local.init.is_some() => {
                self.noted(marker, &variables_of(&local.pat), &cfgs_of(statement))
            }
            // It is initialized later, with a value that is not known here.
            Stmt::Local(_) => self.or(quote!(true), &cfgs_of(statement)),
            _ => Vec::new(),
        }
    }

    /// For variables that are used, or marked as unused by an underscore: the compiler should still
    /// warn about the others.
    fn noted(&mut self, marker: &Marker<'_>, variables: &[Ident], cfgs: &[Attribute]) -> Vec<Stmt> {
        let Some(moved_out) = &self.moved_out else { return Vec::new() };
        let is_used = |variable: &&Ident| {
            let name = variable.to_string();
            let is_used = marker.words.get(&name).is_some_and(|times| *times > 1);
            !moved_out.contains(&name) && (is_used || name.starts_with('_'))
        };
        let used: Vec<&Ident> = variables.iter().filter(is_used).collect();
        let krate = marker.krate;
        let drops = quote_spanned!(Span::mixed_site()=> #(#krate::__private::drops(&#used))|*);
        if used.is_empty() { Vec::new() } else { self.or(drops, cfgs) }
    }

    fn or(&mut self, drops: TokenStream, cfgs: &[Attribute]) -> Vec<Stmt> {
        let here = Span::mixed_site();
        if self.moved_out.is_none() {
            return Vec::new();
        }
        let first =
            (!self.has_some).then(|| parse_quote_spanned!(here=> let __profile_drops = false;));
        self.has_some = true;
        let noted = parse_quote_spanned! {here=>
            #(#cfgs)*
            #[allow(unreachable_code, clippy::used_underscore_binding)]
            let __profile_drops = __profile_drops | #drops;
        };
        first.into_iter().chain([noted]).collect()
    }
}

/// Whether a statement may be the value of its block.
fn is_value(statement: &Stmt) -> bool {
    match statement {
        Stmt::Expr(_, semicolon) => semicolon.is_none(),
        Stmt::Macro(call) => call.semi_token.is_none(),
        Stmt::Local(_) | Stmt::Item(_) => false,
    }
}

/// The part of an expression that is evaluated first.
fn first_evaluated(expression: &Expr) -> &Expr {
    match expression {
        Expr::Assign(it) => first_evaluated(&it.right),
        Expr::Await(it) => first_evaluated(&it.base),
        Expr::Binary(it) => first_evaluated(&it.left),
        Expr::Break(ExprBreak { expr: Some(it), .. })
        | Expr::Return(ExprReturn { expr: Some(it), .. }) => first_evaluated(it),
        Expr::Cast(it) => first_evaluated(&it.expr),
        Expr::Field(it) => first_evaluated(&it.base),
        Expr::MethodCall(it) => first_evaluated(&it.receiver),
        Expr::Paren(it) => first_evaluated(&it.expr),
        Expr::Reference(it) => first_evaluated(&it.expr),
        Expr::Try(it) => first_evaluated(&it.expr),
        Expr::Unary(it) => first_evaluated(&it.expr),
        other => other,
    }
}

/// `#[expect(unreachable_code)]`
pub fn expects_unreachable(attribute: &Attribute) -> bool {
    attribute.path().is_ident("expect")
        && mentions(attribute.meta.to_token_stream(), "unreachable_code")
}

/// The first and the last token.
fn edges(tokens: TokenStream) -> Option<[Span; 2]> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    Some([trees.first()?.span(), trees.last()?.span()])
}

/// The line on which a token ends. A group that syn created has no closing brace of its own.
#[cfg(not(test))]
fn line_of_end(span: Span) -> Option<u32> {
    u32::try_from(span.unwrap().end().line()).ok()
}

#[cfg(test)]
fn line_of_end(span: Span) -> Option<u32> {
    u32::try_from(span.end().line).ok()
}

/// `{ mark; expression }`
fn in_block(before: impl IntoIterator<Item = TokenStream>, expression: Expr) -> Expr {
    let semicolon = Token![;](Span::mixed_site());
    let before = before.into_iter().map(|it| Stmt::Expr(Expr::Verbatim(it), Some(semicolon)));
    let stmts = before.chain([Stmt::Expr(expression, None)]).collect();
    let block = Block { brace_token: token::Brace(Span::mixed_site()), stmts };
    Expr::Block(ExprBlock { attrs: Vec::new(), label: None, block })
}

/// Whether it is obvious that nothing runs after it.
fn diverges(statement: &Stmt) -> bool {
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
            Expr::Closure(it) => self.list_part("closure".to_owned(), it.to_token_stream()),
            Expr::Macro(it) => self.macro_call(&it.mac),
            Expr::Const(_) | Expr::Verbatim(_) | Expr::Lit(_) | Expr::Path(_) => {}
            Expr::If(branch) => self.branch(branch),
            Expr::While(it) => *expression = self.while_loop(it),
            Expr::ForLoop(it) => self.for_loop(it),
            Expr::Loop(it) => {
                // Control also comes from the end of the body.
                self.entered_from(None, &mut it.body, Vec::new());
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
            // Nothing remains to be done on the line when these have their value.
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

    // Not statements of this body.
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
    fn visit_type_mut(&mut self, _: &mut syn::Type) {}
    fn visit_pat_mut(&mut self, _: &mut Pat) {}
    fn visit_path_mut(&mut self, _: &mut Path) {}
    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}
    fn visit_generic_argument_mut(&mut self, _: &mut syn::GenericArgument) {}
}

impl Marker<'_> {
    /// It may run on another thread, and must not hold what its creator holds.
    fn async_block(&mut self, block: &mut Block) {
        let lookup = std::mem::replace(&mut self.lookup, Lookup::Thread);
        let back_to = self.back_to.take();
        let here = self.here;
        self.enters_async = true;
        self.entered_from(None, block, Vec::new());
        self.enters_async = false;
        (self.lookup, self.back_to, self.here) = (lookup, back_to, here);
    }
}

/// Attributes of a statement that can be marked.
fn attributes_of_statement(statement: &Stmt) -> Option<&[Attribute]> {
    match statement {
        Stmt::Item(_) => None,
        Stmt::Local(local) => Some(&local.attrs),
        Stmt::Macro(call) => Some(&call.attrs),
        // An expression stores its attributes itself, and only some kinds have them.
        Stmt::Expr(expression, _) => Some(attributes_of(expression)),
    }
}

/// The attributes that may remove a statement.
fn cfgs_of(statement: &Stmt) -> Vec<Attribute> {
    let attributes = attributes_of_statement(statement).unwrap_or_default();
    attributes.iter().filter(|it| it.path().is_ident("cfg")).cloned().collect()
}

/// Attributes before an expression statement; kinds that are not listed keep theirs.
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
    use crate::describe::Location;

    /// Outside of the compiler, tokens have the lines of the text they were parsed from.
    pub(super) fn location(span: Span) -> Option<Location> {
        let line = u32::try_from(span.start().line).ok()?;
        Some(Location { file: String::new(), line, column: 1 })
    }

    /// The body in braces that close on a separate line.
    fn marked_with_parts(body: &str, lookup: Lookup) -> Marked {
        let text = format!("{{{body}\n}}").parse::<TokenStream>().unwrap();
        let Some(TokenTree::Group(group)) = text.into_iter().next() else { panic!("a block") };
        let (krate, close) = (syn::parse_quote!(k), group.span_close());
        let context = Context { krate: &krate, lookup, close, expects_unreachable: false };
        mark(group.stream(), context)
    }

    /// The body with `L3!` for a mark of line 3, `<3` for one that returns to it; without spaces.
    fn marked(body: &str, lookup: Lookup) -> String {
        let Marked { body, lines, .. } = marked_with_parts(body, lookup);
        let mut text = body.to_string().replace([' ', '\n'], "");
        text = text.replace("#[allow(unreachable_code)]", "");
        text = text.replace("#[allow(unreachable_code,clippy::used_underscore_binding)]", "");
        text = text.replace("let__profile_drops=__profile_drops|", "D|");
        text = text.replace("let__profile_drops=false;", "").replace("k::__private::drops", "");
        for (number, line) in lines.iter().enumerate() {
            for (call, short) in [
                (format!("__profile_lines.at({number}usize)"), format!("L{line}!")),
                (
                    format!("k::__private::at_here(&__PROFILE_SITE,{number}usize)"),
                    format!("T{line}!"),
                ),
                (
                    format!("k::__private::enter_here(&__PROFILE_SITE,{number}usize)"),
                    format!("N{line}!"),
                ),
                (format!("__profile_lines.resume({number}usize)"), format!("R{line}!")),
                (format!("__profile_lines.uncount({number}usize)"), format!("U{line}!")),
                (
                    format!(
                        "let__profile_end=__profile_lines.end({number}usize,__profile_drops,true)"
                    ),
                    format!("E{line}!"),
                ),
                (
                    format!(
                        "let__profile_end=__profile_lines.end({number}usize,__profile_drops,false)"
                    ),
                    format!("e{line}!"),
                ),
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
        let text = marked("a();\nlet x = b();\nc(x); d();\nx", Lookup::Variable);
        assert_eq!(text, "L1!;a();L2!;letx=b();L3!;c(x);d();L4!;x");
        let text = marked("#[cfg(y)] a();\nuse b;\nm! { c }\nfn f() { d() }", Lookup::Variable);
        assert_eq!(text, "#[cfg(y)]L1!;#[cfg(y)]a();useb;L3!;m!{c}fnf(){d()}");
    }

    #[test]
    fn loops_are_marked_at_each_iteration() {
        let text = marked("for x in y() {\n z(x);\n}", Lookup::Variable);
        assert_eq!(text, "R1!;forxinI1(y()){L2!;z(x);}");
        let text = marked("'a: while let Some(x) = y() {\n z(x);\n}", Lookup::Variable);
        assert_eq!(text, "'a:loop{L1!;ifletSome(x)=y(){L2!;z(x);}else{break;}}");
        let text = marked("loop { a(); }", Lookup::Variable);
        assert_eq!(text, "R1!;loop{L1!;a();}");
    }

    #[test]
    fn branches_and_arms_are_marked_on_their_lines() {
        let text = marked("if a {\n b\n} else if c {\n d\n} else {\n e\n}", Lookup::Variable);
        assert_eq!(text, "L1!;ifa{L2!;b}else{L3!;ifc{L4!;d}else{L6!;e}}");
        let text = marked("match a {\n B => c,\n D => m!(),\n E => {\n f }\n}", Lookup::Variable);
        assert_eq!(text, "L1!;matcha{B=>{L2!;c},D=>{L3!;(m!())},E=>{L5!;f}}");
        let text = marked("let Some(x) = a else {\n return;\n};", Lookup::Variable);
        assert_eq!(text, "L1!;letSome(x)=aelse{L2!;return;};");
    }

    #[test]
    fn work_after_a_block_belongs_to_its_statement() {
        let text = marked("f(if a {\n b\n} else {\n c\n});\nd", Lookup::Variable);
        assert_eq!(text, "L1!;f(ifa{<1;L2!;b}else{<1;L4!;c});L6!;d");
        let text = marked("let x = unsafe {\n a()\n};", Lookup::Variable);
        assert_eq!(text, "L1!;letx=unsafe{L2!;a()};");
    }

    #[test]
    fn closures_constants_and_unparsable_code_are_unchanged() {
        for body in ["f(|x| {\n g(x)\n})", "[0; {\n 3\n}]", "const {\n f()\n}"] {
            let text = marked(body, Lookup::Variable);
            assert_eq!(text, format!("L1!;{}", body.replace([' ', '\n'], "")));
        }
        assert_eq!(marked("@ not rust", Lookup::Variable), "@notrust");
        assert_eq!(marked("return a;\nb();", Lookup::Variable), "L1!;returna;b();");
    }

    #[test]
    fn a_loop_on_one_line_counts_one_hit_per_iteration() {
        let text = marked("let x = loop { break a; };", Lookup::Variable);
        assert_eq!(text, "R1!;letx=loop{L1!;breaka;};");
        let text = marked("a(); for x in b { c(x) }", Lookup::Variable);
        assert_eq!(text, "L1!;a();U1!;forxinI1(b){c(x)}");
        let text = marked("a(); while b { c() }", Lookup::Variable);
        assert_eq!(text, "L1!;a();U1!;loop{L1!;ifb{c()}else{break;}}");
        let text =
            marked("match a {\n B => loop { c() },\n D => for x in y {},\n}", Lookup::Variable);
        assert_eq!(text, "L1!;matcha{B=>{R2!;loop{L2!;c()}},D=>{R3!;forxinI3(y){}},}");
    }

    #[test]
    fn a_block_drops_its_variables_on_its_closing_brace() {
        let text = marked("let a = b();\nc(&a)", Lookup::Variable);
        assert_eq!(text, "L1!;leta=b();D|(&a);E3!;L2!;c(&a)");
        let text = marked("let a = b();\nc(a);\nd", Lookup::Variable);
        assert_eq!(text, "L1!;leta=b();L2!;c(a);L3!;d");
        let text = marked("let a = b();\nc(&a);", Lookup::Variable);
        assert_eq!(text, "L1!;leta=b();D|(&a);L2!;c(&a);E3!;");
        let text = marked("if let Some(a) = b {\n c(&a)\n} else {\n d\n}", Lookup::Variable);
        assert_eq!(text, "L1!;ifletSome(a)=b{D|(&a);E3!;L2!;c(&a)}else{L4!;d}");
        let text = marked("if let Some(a) = b {\n c(&a)\n} else if d {\n}", Lookup::Variable);
        assert_eq!(text, "L1!;ifletSome(a)=b{D|(&a);e3!;L2!;c(&a)}else{L3!;ifd{}}");
        let text = marked("let None = a else { return };\nlet unused = b;\nc;", Lookup::Variable);
        assert_eq!(text, "L1!;letNone=aelse{return};L2!;letunused=b;L3!;c;");
        let text = marked("let (_a, late);\n#[cfg(b)]\nc", Lookup::Variable);
        assert_eq!(text, "L1!;let(_a,late);D|true;#[cfg(b)]E4!;#[cfg(b)]L3!;#[cfg(b)]c");
        assert_eq!(
            marked("let a = b();\nreturn a;", Lookup::Variable),
            "L1!;leta=b();L2!;returna;"
        );
    }

    #[test]
    fn code_expected_to_be_unreachable_has_no_mark() {
        let text = marked("a();\n#[expect(unreachable_code)]\nreturn b;", Lookup::Variable);
        assert_eq!(text, "L1!;a();#[expect(unreachable_code)]returnb;");
    }

    #[test]
    fn code_without_lines_of_its_own_is_listed() {
        let parts = marked_with_parts(
            "let a =\n b.map(|c| {\n d\n });\nselect! {\n e\n}\nf!(\n)",
            Lookup::Variable,
        )
        .parts;
        let part = |first, last, counted_on, what: &str| Part {
            lines: [first, last],
            counted_on,
            what: what.to_owned(),
        };
        assert_eq!(
            parts,
            [part(2, 4, 1, "closure"), part(5, 7, 5, "select!"), part(8, 9, 8, "f!")]
        );
    }

    #[test]
    fn async_code_finds_its_call_by_the_thread() {
        let text = marked("let f = async move {\n a.await\n};\nf.await", Lookup::Variable);
        assert_eq!(text, "L1!;letf=asyncmove{N2!;a.await};D|(&f);E5!;L4!;f.await");
    }
}
