//! The result when expansion fails: the item as it was, followed by one error.
//!
//! Without the item, one mistake would become an error at every use of it, and incomplete code
//! would lose its completions in an editor. This module must not inspect the item.

use proc_macro2::TokenStream;

/// Runs `expand`; on an error returns the item's own tokens followed by the message.
pub fn or_untouched(
    arguments: TokenStream,
    item: TokenStream,
    expand: impl FnOnce(TokenStream, TokenStream) -> syn::Result<TokenStream>,
) -> TokenStream {
    let untouched = item.clone();
    expand(arguments, item).unwrap_or_else(|error| {
        let mut tokens = untouched;
        tokens.extend(error.to_compile_error());
        tokens
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand;

    #[test]
    fn an_error_leaves_the_item_in_place() {
        for (arguments, item) in [
            ("", "const fn f() {}"),
            ("", "fn half_typed(a: u8, "),
            ("", "fn half_typed(a: ) {}"),
            ("", "impl"),
            ("", "pub"),
            ("", ""),
            ("", "mod m { fn f( ) -> }"),
            ("", "#[attribute]"),
            ("naem = 1", "fn f() {}"),
        ] {
            // Unclosed delimiters never reach a macro.
            let Ok(item) = item.parse::<TokenStream>() else { continue };
            let arguments = arguments.parse().unwrap_or_default();
            let text = or_untouched(arguments, item.clone(), expand::profile).to_string();
            assert!(text.starts_with(&item.to_string()), "{text}");
            assert_eq!(text.matches("compile_error").count(), 1, "{text}");
        }
    }
}
