//! Where statements may be added to a body.
//!
//! Only the edges are parsed: attributes and items at the start, an async block at the end. The
//! code in between is the user's and is never parsed. This module must not generate code.

use crate::item;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::TokenStreamExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Result, Stmt};

/// A body split at the point where a first statement may go.
pub struct Front {
    /// `#![allow(…)]` and `//!`, which must stay first.
    pub inner_attributes: TokenStream,
    /// Items, which stay before the first statement: clippy warns about items after statements.
    pub items: TokenStream,
    pub rest: TokenStream,
}

pub fn front(tokens: TokenStream) -> Front {
    let untouched = tokens.clone();
    cut_front.parse2(tokens).unwrap_or_else(|_| Front {
        inner_attributes: TokenStream::new(),
        items: TokenStream::new(),
        rest: untouched,
    })
}

fn cut_front(input: ParseStream<'_>) -> Result<Front> {
    let mut inner_attributes = TokenStream::new();
    inner_attributes.append_all(Attribute::parse_inner(input)?);
    let mut items = TokenStream::new();
    // A parse error only means that no item follows.
    loop {
        let ahead = input.fork();
        let Ok(Stmt::Item(_)) = ahead.parse() else { break };
        items.extend(item::between(input, &ahead)?);
    }
    Ok(Front { inner_attributes, items, rest: input.parse()? })
}

/// A body that ends in an async block.
pub struct AsyncTail {
    /// Everything before the tail.
    pub before: TokenStream,
    /// The function that receives the block, if any: `Box::pin`, with its parenthesized argument.
    pub boxed: Option<(TokenStream, Group)>,
    /// `async` or `async move`
    pub head: TokenStream,
    pub block: Group,
}

/// Finds `async { … }` or `Box::pin(async { … })` at the end of a body.
pub fn async_tail(tokens: &TokenStream) -> Option<AsyncTail> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let (before, boxed, head, block) = match trees.split_last()? {
        (TokenTree::Group(argument), front) if argument.delimiter() == Delimiter::Parenthesis => {
            let inside: Vec<TokenTree> = argument.stream().into_iter().collect();
            let (before, path) = box_pin(front)?;
            let ([], head, block) = async_block(&inside)? else { return None };
            (before, Some((path, argument.clone())), collected(head), block)
        }
        _ => {
            let (before, head, block) = async_block(&trees)?;
            (before, None, collected(head), block)
        }
    };
    begins_statement(before).then(|| AsyncTail { before: collected(before), boxed, head, block })
}

fn collected(trees: &[TokenTree]) -> TokenStream {
    trees.iter().cloned().collect()
}

/// Splits off a path to `Box::pin`.
fn box_pin(trees: &[TokenTree]) -> Option<(&[TokenTree], TokenStream)> {
    let start = trees.iter().rposition(|tree| !is_path(tree)).map_or(0, |it| it + 1);
    let (before, path) = trees.split_at(start);
    let path = collected(path);
    let text = path.to_string().replace(' ', "");
    (text == "Box::pin" || text.ends_with("::Box::pin")).then_some((before, path))
}

/// Splits off `async` or `async move`, and the block after it.
fn async_block(trees: &[TokenTree]) -> Option<(&[TokenTree], &[TokenTree], Group)> {
    let is_word = |tree: &TokenTree, word| matches!(tree, TokenTree::Ident(it) if it == word);
    let (TokenTree::Group(block), front) = trees.split_last()? else { return None };
    let words = match front {
        [.., a, b] if is_word(a, "async") && is_word(b, "move") => 2,
        [.., a] if is_word(a, "async") => 1,
        _ => return None,
    };
    let (before, head) = front.split_at(front.len() - words);
    (block.delimiter() == Delimiter::Brace).then(|| (before, head, block.clone()))
}

fn is_path(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    }
}

/// Whether the trees after these form a complete expression, not the end of a longer one.
fn begins_statement(before: &[TokenTree]) -> bool {
    match before.last() {
        None => true,
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> [String; 3] {
        let front = front(text.parse().unwrap());
        [front.inner_attributes, front.items, front.rest].map(|it| it.to_string())
    }

    #[test]
    fn attributes_and_items_stay_in_front() {
        let text = "#![allow(dead_code)] use a::b; #[cfg(x)] struct S; macro_rules! m { () => {} } \
             m!(); fn late() {}";
        let [attributes, items, rest] = cut(text);
        assert!(attributes.contains("dead_code"));
        assert!(items.starts_with("use a") && items.contains("macro_rules"), "{items}");
        assert!(rest.starts_with("m !"), "{rest}");
    }

    #[test]
    fn a_body_that_syn_cannot_read_is_left_whole() {
        let [attributes, items, rest] = cut("let x = @ @; y");
        assert_eq!([attributes.as_str(), &items, &rest], ["", "", "let x = @ @; y"]);
    }

    #[test]
    fn a_block_of_const_or_unsafe_is_a_statement() {
        for text in ["const { 1 }; x", "unsafe { f() }", "async { 1 }.await", "union.field"] {
            assert_eq!(cut(text)[1], "", "{text}");
        }
    }

    fn tail(text: &str) -> Option<(String, bool)> {
        let tail = async_tail(&text.parse().unwrap())?;
        let text = format!("{}{}", tail.head, tail.block).replace(' ', "");
        Some((text, tail.boxed.is_some()))
    }

    #[test]
    fn a_future_at_the_end_is_found() {
        for text in ["async { 1 }", "let x = 1; async { 1 }", "if a { b() } async { 1 }"] {
            assert_eq!(tail(text), Some(("async{1}".to_owned(), false)), "{text}");
        }
        for text in ["Box::pin(async { 1 })", "x; ::std::boxed::Box::pin(async { 1 })"] {
            assert_eq!(tail(text), Some(("async{1}".to_owned(), true)), "{text}");
        }
        assert_eq!(tail("async move { 1 }"), Some(("asyncmove{1}".to_owned(), false)));
    }

    #[test]
    fn what_only_ends_like_a_future_is_not_one() {
        for text in [
            "",
            "move || async { 1 }",
            "x = async { 1 }",
            "async { 1 };",
            "MyBox::pin(async { 1 })",
            "Box::pin(f(async { 1 }))",
            "Box::pin(async { 1 }.map(f))",
            "x.Box::pin(async { 1 })",
            "return Box::pin(async { 1 })",
            "{ 1 }",
        ] {
            assert_eq!(tail(text), None, "{text}");
        }
    }
}
