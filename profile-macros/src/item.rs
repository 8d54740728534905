//! Splits the item under the attribute into the parts that matter, and no further.
//!
//! A body stays tokens: syntax that syn does not support yet (or never will) must still compile,
//! and the user's braces carry the edition of their crate. This module must not decide what is
//! allowed.

use crate::parsing::mentions;
use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt as _, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Attribute, LitStr, Result, Signature, Token, Visibility, braced, token};

#[derive(Clone)]
pub enum Item {
    Function(Box<Function>),
    Container(Container),
    Other(Other),
}

#[derive(Clone)]
/// A function of any kind: free, associated, foreign, with or without a body.
pub struct Function {
    pub attributes: Vec<Attribute>,
    /// Everything before the body, unchanged. Printing what syn parsed would lose the invisible
    /// groups around a macro's fragments, and with them what lints know about the macro.
    pub head: TokenStream,
    pub signature: Signature,
    pub end: End,
}

#[derive(Clone)]
pub enum End {
    Body(Braced),
    Semicolon(Token![;]),
}

/// The user's braces and their contents.
#[derive(Clone)]
pub struct Braced {
    pub brace: token::Brace,
    pub tokens: TokenStream,
}

/// An `impl`, a `trait` or an inline `mod`.
#[derive(Clone)]
pub struct Container {
    pub attributes: Vec<Attribute>,
    /// Everything before the braces.
    pub head: TokenStream,
    pub is_module: bool,
    pub brace: token::Brace,
    pub inner_attributes: Vec<Attribute>,
    pub members: Vec<Item>,
}

/// Any other item, stored whole.
#[derive(Clone)]
pub struct Other {
    pub attributes: Vec<Attribute>,
    pub tokens: TokenStream,
    pub kind: Kind,
    /// The keyword of the item, such as `struct` or `use`, or the name of a macro.
    pub keyword: Ident,
}

#[derive(Clone)]
pub enum Kind {
    /// `mod name;`
    OutlineModule(Ident),
    /// `extern { … }`, with the functions it declares.
    Foreign(Vec<Ident>),
    MacroCall,
    /// An item that cannot contain a function.
    Plain,
}

impl Item {
    pub fn attributes(&self) -> &[Attribute] {
        match self {
            Self::Function(it) => &it.attributes,
            Self::Container(it) => &it.attributes,
            Self::Other(it) => &it.attributes,
        }
    }

    pub fn attributes_mut(&mut self) -> &mut Vec<Attribute> {
        match self {
            Self::Function(it) => &mut it.attributes,
            Self::Container(it) => &mut it.attributes,
            Self::Other(it) => &mut it.attributes,
        }
    }
}

/// Parses the one item that an attribute is applied to.
pub fn parse(tokens: TokenStream) -> Result<Item> {
    Item::parse.parse2(tokens)
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if let Some(tokens) = macro_fragment(input)? {
            return Self::parse.parse2(tokens);
        }
        let attributes = input.call(Attribute::parse_outer)?;
        if begins_function(&input.fork()) {
            return Function::parse(attributes, input).map(Box::new).map(Self::Function);
        }
        let trees = until_end(input)?;
        let Some((index, keyword)) = keyword(&trees) else {
            return Err(syn::Error::new(first_span(&trees), "expected an item"));
        };
        let word = keyword.to_string();
        let is_container = matches!(word.as_str(), "impl" | "trait" | "mod");
        match trees.split_last() {
            Some((TokenTree::Group(body), head)) if is_container => {
                Container::parse(attributes, head, word == "mod", body).map(Self::Container)
            }
            _ => {
                let kind = Kind::of(&word, &trees, index);
                let tokens = trees.into_iter().collect();
                Ok(Self::Other(Other { attributes, tokens, kind, keyword }))
            }
        }
    }
}

impl Function {
    fn parse(attributes: Vec<Attribute>, input: ParseStream<'_>) -> Result<Self> {
        let start = input.fork();
        input.parse::<Visibility>()?;
        // `default` and `safe` are not part of a signature to syn.
        if let Ok(word) = input.fork().call(Ident::parse_any)
            && (word == "default" || word == "safe")
        {
            input.call(Ident::parse_any)?;
        }
        let signature = input.parse()?;
        let head = as_macro_wrote(between(&start, input)?);
        let end = if input.peek(Token![;]) {
            End::Semicolon(input.parse()?)
        } else {
            let content;
            let brace = braced!(content in input);
            End::Body(Braced { brace, tokens: content.parse()? })
        };
        Ok(Self { attributes, head, signature, end })
    }

    /// The function with `body` between its original braces.
    pub fn with_body(&self, brace: token::Brace, body: TokenStream) -> TokenStream {
        let (attributes, head) = (&self.attributes, &self.head);
        let body = in_braces(brace, body);
        quote!(#(#attributes)* #head #body)
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let (attributes, head) = (&self.attributes, &self.head);
        tokens.extend(quote!(#(#attributes)* #head));
        match &self.end {
            End::Body(body) => tokens.append(in_braces(body.brace, body.tokens.clone())),
            End::Semicolon(semicolon) => semicolon.to_tokens(tokens),
        }
    }
}

impl Container {
    fn parse(
        attributes: Vec<Attribute>,
        head: &[TokenTree],
        is_module: bool,
        body: &Group,
    ) -> Result<Self> {
        let parse_members = |input: ParseStream<'_>| {
            let inner_attributes = input.call(Attribute::parse_inner)?;
            let mut members = Vec::new();
            while !input.is_empty() {
                members.push(input.parse()?);
            }
            Ok((inner_attributes, members))
        };
        let (inner_attributes, members) = parse_members.parse2(body.stream())?;
        let head = head.iter().cloned().collect();
        let brace = token::Brace { span: body.delim_span() };
        Ok(Self { attributes, head, is_module, brace, inner_attributes, members })
    }

    /// Whether a `use` among the members mentions `word`.
    pub fn imports(&self, word: &str) -> bool {
        self.members.iter().any(|member| match member {
            Item::Other(it) => it.keyword == "use" && mentions(it.tokens.clone(), word),
            _ => false,
        })
    }

    /// The container with `members` between its original braces.
    pub fn with_members(&self, members: TokenStream) -> TokenStream {
        let (attributes, head, inner) = (&self.attributes, &self.head, &self.inner_attributes);
        let body = in_braces(self.brace, quote!(#(#inner)* #members));
        quote!(#(#attributes)* #head #body)
    }
}

impl ToTokens for Container {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let members = &self.members;
        tokens.extend(self.with_members(quote!(#(#members)*)));
    }
}

impl ToTokens for Other {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attributes);
        tokens.extend(self.tokens.clone());
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(it) => it.to_tokens(tokens),
            Self::Container(it) => it.to_tokens(tokens),
            Self::Other(it) => it.to_tokens(tokens),
        }
    }
}

impl Kind {
    fn of(keyword: &str, trees: &[TokenTree], index: usize) -> Self {
        match (keyword, trees.get(index + 1), trees.last()) {
            ("mod", Some(TokenTree::Ident(name)), _) => Self::OutlineModule(name.clone()),
            ("extern", _, Some(TokenTree::Group(body))) => Self::Foreign(functions_in(body)),
            ("macro_rules", ..) => Self::Plain,
            (_, Some(TokenTree::Punct(next)), _) if matches!(next.as_char(), '!' | ':') => {
                Self::MacroCall
            }
            _ => Self::Plain,
        }
    }
}

/// Tokens between the user's braces, which carry the edition of the crate they were written in.
pub fn in_braces(brace: token::Brace, tokens: TokenStream) -> TokenTree {
    let mut group = Group::new(Delimiter::Brace, tokens);
    group.set_span(brace.span.join());
    TokenTree::Group(group)
}

/// An item that came from a macro's `$item:item` is in an invisible group. So is a `$vis`.
fn macro_fragment(input: ParseStream<'_>) -> Result<Option<TokenStream>> {
    let Ok(TokenTree::Group(group)) = input.fork().parse() else { return Ok(None) };
    let is_item = match group.stream().into_iter().last() {
        Some(TokenTree::Group(last)) => last.delimiter() != Delimiter::Parenthesis,
        Some(TokenTree::Punct(last)) => last.as_char() == ';',
        _ => false,
    };
    if group.delimiter() != Delimiter::None || !is_item {
        return Ok(None);
    }
    input.parse::<TokenTree>()?;
    Ok(Some(group.stream()))
}

/// The tokens from `start` up to the position of `input`.
pub fn between(start: ParseStream<'_>, input: ParseStream<'_>) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while start.cursor() < input.cursor() {
        tokens.append(start.parse::<TokenTree>()?);
    }
    Ok(tokens)
}

/// Gives the first token of a macro's `$vis` the location it has in the macro. The compiler loses
/// that location when the tokens come back, and would lint the function as if it were not from a
/// macro.
fn as_macro_wrote(head: TokenStream) -> TokenStream {
    let mut trees = head.into_iter();
    let first = trees.next().map(|tree| match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inside = group.stream().into_iter();
            let word = inside.next().map(|mut word| {
                word.set_span(group.span());
                word
            });
            let mut fragment =
                Group::new(Delimiter::None, word.into_iter().chain(inside).collect());
            fragment.set_span(group.span());
            TokenTree::Group(fragment)
        }
        other => other,
    });
    first.into_iter().chain(trees).collect()
}

/// Whether the next tokens are qualifiers followed by `fn`.
fn begins_function(input: ParseStream<'_>) -> bool {
    const QUALIFIERS: [&str; 7] = ["default", "const", "async", "unsafe", "safe", "extern", "gen"];
    if input.parse::<Visibility>().is_err() {
        return false;
    }
    while !input.peek(Token![fn]) {
        match input.call(Ident::parse_any) {
            Ok(word) if QUALIFIERS.iter().any(|it| word == it) => {}
            _ => return false,
        }
        if input.peek(LitStr) && input.parse::<LitStr>().is_err() {
            return false;
        }
    }
    true
}

/// Reads one item that is not a function, up to its `;` or its braces.
fn until_end(input: ParseStream<'_>) -> Result<Vec<TokenTree>> {
    let mut trees: Vec<TokenTree> = Vec::new();
    let mut angles = 0_i32;
    while !input.is_empty() {
        let tree: TokenTree = input.parse()?;
        angles += angle(trees.last(), &tree);
        let is_brace = matches!(&tree, TokenTree::Group(it) if it.delimiter() == Delimiter::Brace);
        let is_semicolon = matches!(&tree, TokenTree::Punct(it) if it.as_char() == ';');
        let ends = is_semicolon || (is_brace && angles == 0 && !ends_with_semicolon(&trees));
        trees.push(tree);
        if ends {
            break;
        }
    }
    Ok(trees)
}

/// +1 for `<`, -1 for `>`, but not for the `>` of `->` and `=>`.
fn angle(previous: Option<&TokenTree>, tree: &TokenTree) -> i32 {
    let TokenTree::Punct(punct) = tree else { return 0 };
    let in_arrow = matches!(previous, Some(TokenTree::Punct(it))
        if it.spacing() == Spacing::Joint && matches!(it.as_char(), '-' | '='));
    match punct.as_char() {
        '<' => 1,
        '>' if !in_arrow => -1,
        _ => 0,
    }
}

/// Whether braces may come before the end: `use a::{b};`, `const X: A = A { … };`.
fn ends_with_semicolon(trees: &[TokenTree]) -> bool {
    keyword(trees)
        .is_some_and(|(_, word)| ["use", "const", "static", "type"].iter().any(|it| word == it))
}

/// The keyword that determines the kind of item, and its index.
fn keyword(trees: &[TokenTree]) -> Option<(usize, Ident)> {
    let is_prefix = |tree: &&TokenTree| match tree {
        TokenTree::Ident(word) => ["pub", "unsafe", "default", "auto"].iter().any(|it| *word == it),
        TokenTree::Group(group) => group.delimiter() != Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        TokenTree::Literal(_) => false,
    };
    let index = trees.iter().take_while(is_prefix).count();
    match trees.get(index) {
        Some(TokenTree::Ident(word)) => Some((index, word.clone())),
        _ => None,
    }
}

/// The names after each `fn` of an `extern` block.
fn functions_in(body: &Group) -> Vec<Ident> {
    let trees: Vec<TokenTree> = body.stream().into_iter().collect();
    let named = trees.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "fn" => Some(name.clone()),
        _ => None,
    });
    named.collect()
}

fn first_span(trees: &[TokenTree]) -> Span {
    trees.first().map_or_else(Span::call_site, TokenTree::span)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each member of a module as `kind:first-words`.
    fn members(text: &str) -> Vec<String> {
        let item = parse(format!("mod m {{ {text} }}").parse().unwrap()).unwrap();
        let Item::Container(module) = item else { panic!("a module") };
        assert_eq!(
            module.to_token_stream().to_string(),
            format!("mod m {{ {text} }}").parse::<TokenStream>().unwrap().to_string()
        );
        module.members.iter().map(describe).collect()
    }

    fn describe(item: &Item) -> String {
        match item {
            Item::Function(it) => format!("fn {}", it.signature.ident),
            Item::Container(it) => format!("container of {}", it.members.len()),
            Item::Other(it) => match &it.kind {
                Kind::OutlineModule(name) => format!("file {name}"),
                Kind::Foreign(names) => format!("foreign {}", names.len()),
                Kind::MacroCall => format!("call {}", it.keyword),
                Kind::Plain => it.keyword.to_string(),
            },
        }
    }

    #[test]
    fn a_module_is_cut_at_its_items() {
        let text = "use a :: { b , c } ; const X : S < { 1 } > = S { a : 1 } ; static Y : u8 = 0 ; \
             type T = fn () -> u8 ; struct A ; struct B < const N : usize = { 3 } > { x : u8 } \
             pub (crate) struct C (u8) ; enum D { E } mod other ; mod inner { fn a () { } } \
             pub const fn k () { } unsafe extern \"C\" { fn m () ; static Z : u8 ; fn n () ; } \
             extern crate alloc ; crate :: call ! { x } call ! (x) ; macro_rules ! r { () => { } } \
             impl < T > A where T : Fn () -> u8 { const N : u8 = { 1 } ; fn f () { } } \
             impl X < { 1 } > for Y < { 2 } > { } unsafe trait Z { fn a () ; fn b () { } }";
        let expected = "use const static type struct struct struct enum file_other container_of_1 \
             fn_k foreign_2 extern call_crate call_call macro_rules container_of_2 container_of_0 \
             container_of_2";
        let found: Vec<String> = members(text).iter().map(|it| it.replace(' ', "_")).collect();
        assert_eq!(found.join(" "), expected.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn every_qualifier_leads_to_a_function() {
        for text in [
            "fn f () { }",
            "pub (crate) const unsafe extern \"C\" fn f () { }",
            "default async unsafe fn f () { }",
            "safe fn f () ;",
            "extern fn f () { }",
        ] {
            let item = parse(text.parse().unwrap()).unwrap();
            assert_eq!(describe(&item), "fn f", "{text}");
            let expected = text.parse::<TokenStream>().unwrap().to_string();
            assert_eq!(item.to_token_stream().to_string(), expected);
        }
    }
}
