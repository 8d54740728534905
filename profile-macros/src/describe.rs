//! What a call site records about its function: location, documentation, signature.
//!
//! Text for the report only. This module must not affect behavior.

use proc_macro2::{Delimiter, Group, Punct, Spacing, Span, TokenStream, TokenTree};
use syn::{Attribute, Expr, Lit, Meta};

/// A location in the user's source; columns count from 1.
pub struct Location {
    pub file: String,
    pub line: u32,
    pub column: u32,
}

/// Where a token was written. `None` outside of the compiler (in a unit test), and for tokens that
/// do not come from a file.
pub fn location(span: Span) -> Option<Location> {
    if !proc_macro::is_available() {
        return None;
    }
    let span = span.unwrap();
    let (file, line, column) = (span.file(), span.line(), span.column());
    let is_real = !file.is_empty() && !file.starts_with('<');
    let location =
        Location { file, line: u32::try_from(line).ok()?, column: u32::try_from(column).ok()? };
    (is_real && location.line > 0).then_some(location)
}

/// The lines of the file from one token to another, and the number of the first. `None` if the file
/// is not available.
pub fn lines_of_file(first: Span, last: Span) -> Option<(u32, String)> {
    let start = location(first)?.line;
    let last = last.unwrap();
    let end = u32::try_from(last.end().line()).ok()?;
    let text = std::fs::read_to_string(last.local_file()?).ok()?;
    let lines = text.lines().skip(start as usize - 1).take((end + 1).checked_sub(start)? as usize);
    let lines: Vec<&str> = lines.collect();
    Some((start, lines.join("\n").replace('\0', "")))
}

/// The doc comments, one per line, without the space after `///`.
pub fn documentation(attributes: &[Attribute]) -> String {
    let texts: Vec<String> = attributes.iter().filter_map(doc_text).collect();
    let lines = texts.iter().flat_map(|text| text.split('\n'));
    let lines: Vec<&str> = lines.map(|it| it.strip_prefix(' ').unwrap_or(it).trim_end()).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

fn doc_text(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(value) if pair.path.is_ident("doc") => match &value.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        // `#[doc = include_str!("…")]`: the text is not available.
        _ => None,
    }
}

/// Formats tokens on one line, as rustfmt would.
pub fn readable(tokens: TokenStream) -> String {
    let mut writer = Writer::default();
    writer.stream(tokens);
    // A where clause may end in a comma.
    writer.text.trim_end_matches([' ', ',']).to_owned()
}

/// Joins tokens with a space where rustfmt would put one.
#[derive(Default)]
struct Writer {
    text: String,
    /// Whether the next token must directly follow the previous one.
    glued: bool,
    /// Whether the previous token was the first half of `::`.
    in_pair: bool,
}

impl Writer {
    fn stream(&mut self, tokens: TokenStream) {
        for tree in tokens {
            match tree {
                TokenTree::Group(group) => self.group(&group),
                TokenTree::Punct(punct) => self.punct(&punct),
                TokenTree::Ident(word) => self.word(&word.to_string()),
                TokenTree::Literal(literal) => self.word(&literal.to_string()),
            }
        }
    }

    fn word(&mut self, word: &str) {
        self.space();
        self.text.push_str(word);
        self.glued = false;
    }

    fn group(&mut self, group: &Group) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{ ", " }"),
            Delimiter::None => return self.stream(group.stream()),
        };
        if group.delimiter() != Delimiter::Parenthesis || !self.after_name() {
            self.space();
        }
        self.text.push_str(open);
        self.glued = true;
        self.stream(group.stream());
        self.text.push_str(close);
        self.glued = false;
    }

    fn punct(&mut self, punct: &Punct) {
        let begins_pair = punct.spacing() == Spacing::Joint;
        match punct.as_char() {
            ',' | ';' => self.touch(punct, false),
            // The second half of `->`, `=>` and `::`.
            '>' if self.text.ends_with(['-', '=']) => self.touch(punct, false),
            ':' if self.in_pair => self.touch(punct, true),
            ':' if begins_pair && !self.after_type() => self.apart(punct, true),
            ':' => self.touch(punct, begins_pair),
            '.' if self.text.ends_with(',') => self.apart(punct, true),
            '.' => self.touch(punct, true),
            '>' => self.touch(punct, false),
            '<' if self.after_name() => self.touch(punct, true),
            '<' | '&' | '\'' | '*' | '?' | '#' | '!' => self.apart(punct, true),
            _ => self.apart(punct, false),
        }
        self.in_pair = punct.as_char() == ':' && begins_pair;
    }

    fn touch(&mut self, punct: &Punct, glued: bool) {
        self.text.push(punct.as_char());
        self.glued = glued;
    }

    fn apart(&mut self, punct: &Punct, glued: bool) {
        self.space();
        self.touch(punct, glued);
    }

    fn space(&mut self) {
        if !self.glued && !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    /// Whether a `::` continues a path here, rather than starting one.
    fn after_type(&self) -> bool {
        self.after_name() && !self.text.ends_with(" impl") && !self.text.ends_with(" for")
    }

    /// Whether an opening bracket belongs to what precedes it: `f(`, `Vec<`, `pub(`.
    fn after_name(&self) -> bool {
        const APART: [&str; 7] = ["dyn", "mut", "as", "where", "in", "const", "ref"];
        let start = self.text.rfind(|it: char| !it.is_alphanumeric() && it != '_');
        let word = &self.text[start.map_or(0, |at| at + 1)..];
        let is_lifetime = start.is_some_and(|at| self.text[at..].starts_with('\''));
        let after_angle = self.text.ends_with('>') && !self.text.ends_with("->");
        after_angle
            || self.text.ends_with("::")
            || (!word.is_empty() && !is_lifetime && !APART.contains(&word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_read_as_they_are_written() {
        for text in [
            "pub fn run(&self, n: u32) -> u32",
            "pub(crate) async fn get<'a, T: Into<String> + 'a>(&'a mut self, x: &'a [T]) -> Option<&'a T>",
            "unsafe extern \"C\" fn f(x: *const u8, y: *mut u8) -> !",
            "fn g<const N: usize>(mut a: [u8; N], (b, c): (u8, u8), _: impl Fn(u8) -> u8)",
            "fn h<T>(x: T) -> <T as Iterator>::Item where T: ?Sized + Iterator, for<'a> &'a T: Send",
            "fn i(self: Pin<&mut Self>) -> Result<(), Box<dyn std::error::Error + Send + 'static>>",
            "fn j(x: ::std::vec::Vec<u8>, y: Foo<{ 3 }>) -> (u8, u8)",
            "fn k(f: fn(u8) -> u8, g: &dyn Fn(&str) -> &str)",
            "fn m([a, ..]: [u8; 3], S { b, .. }: S)",
            "fn l(x: impl ::std::fmt::Debug) -> ::std::string::String",
        ] {
            assert_eq!(readable(text.parse().unwrap()), text);
        }
    }

    #[test]
    fn docs_lose_their_leading_space_and_nothing_else() {
        let function: syn::ItemFn =
            syn::parse_str("/// One.\n///\n///     code\n#[doc = \"Two.\"]\n#[inline]\nfn f() {}")
                .unwrap();
        assert_eq!(documentation(&function.attrs), "One.\n\n    code\nTwo.");
        let block: syn::ItemFn = syn::parse_str("/** A\n B */ fn f() {}").unwrap();
        assert_eq!(documentation(&block.attrs), "A\nB");
    }
}
