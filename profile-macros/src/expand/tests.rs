//! The generated code for a few shapes, token for token.

use super::*;

fn expanded(arguments: &str, item: &str) -> String {
    normalised(profile(arguments.parse().unwrap(), item.parse().unwrap()).unwrap())
}

fn normal(text: &str) -> String {
    normalised(text.parse().unwrap())
}

/// The spacing of printed tokens depends on where they come from.
fn normalised(tokens: TokenStream) -> String {
    tokens.to_string().replace(' ', "")
}

/// The code generated for a site outside of the compiler, where tokens have no location.
fn site(kind: &str, name: &str, documentation: &str, signature: &str, overhead: &str) -> String {
    format!(
        "static __PROFILE_SITE: ::profile_core::__private::CallSite =
            ::profile_core::__private::CallSite::new(::profile_core::__private::Source {{
                kind: ::profile_core::__private::Kind::{kind},
                text: ::profile_core::__private::core::concat!(
                    ::profile_core::__private::core::module_path!(), \"\\0\",
                    ::profile_core::__private::core::file!(), \"\\0\",
                    {name:?}, \"\\0\", {signature:?}, \"\\0\", {documentation:?}
                ),
                line: ::profile_core::__private::core::line!(),
                column: ::profile_core::__private::core::column!(),
                overhead: {overhead},
                lines: ::profile_core::__private::core::option::Option::None,
                asks_return: false,
                limits: ::profile_core::__private::core::option::Option::None,
                path: ::profile_core::__private::path_of(&|| ()),
            }});
        ::profile_core::__private::submit!(__PROFILE_SITE);"
    )
}

fn guard(site: &str) -> String {
    format!(
        "let __profile_guard = {{ {site} {{
            ::profile_core::__private::thread_local! {{
                static __PROFILE_TURNS: ::profile_core::__private::Turns =
                    const {{ ::profile_core::__private::Turns::new() }};
            }}
            ::profile_core::__private::enter(&__PROFILE_SITE, &__PROFILE_TURNS)
        }} }};"
    )
}

fn instrumented(future: &str) -> String {
    format!("::profile_core::__private::Instrumented::new(|| &__PROFILE_SITE, {future})")
}

#[test]
fn one_statement_goes_after_the_items_of_a_function() {
    let item = "#[inline] /// Adds.\n pub fn add(a: u8) -> u8 { #![allow(x)] use y; a + 1 }";
    let site = site("Function", "add", "Adds.", "pub fn add(a: u8) -> u8", "0f64");
    let expected = format!(
        "#[inline] /// Adds.\n pub fn add(a: u8) -> u8 {{ #![allow(x)] use y; {} a + 1 }}",
        guard(&site)
    );
    assert_eq!(expanded("", item), normal(&expected));
}

#[test]
fn options_reach_the_site() {
    let site = site("Function", "n", "", "fn f()", "0.02f64");
    let expected = format!("fn f() {{ {} }}", guard(&site));
    assert_eq!(expanded("name = \"n\", overhead = \"2%\"", "fn f() {}"), normal(&expected));
}

#[test]
fn an_async_body_becomes_a_future() {
    let site = site("Async", "f", "", "async fn f() -> Result<impl A, E>", "0f64");
    let future = "async move {
        struct S;
        if let ::profile_core::__private::core::option::Option::Some(__profile_return) =
            __profile_return() { return __profile_return; }
        g().await?;
        Ok(1)
    }";
    let expected = format!(
        "async fn f() -> Result<impl A, E> {{
            {site}
            let __profile_return =
                || ::profile_core::__private::core::option::Option::None::<Result<_, E>>;
            {}.await
        }}",
        instrumented(future)
    );
    let item = "async fn f() -> Result<impl A, E> { struct S; g().await?; Ok(1) }";
    assert_eq!(expanded("", item), normal(&expected));
}

#[test]
fn a_boxed_future_is_wrapped_in_its_box() {
    let site = site("Async", "f", "", "fn f() -> B", "0f64");
    let future = instrumented("async move { x.await }");
    let expected = format!("fn f() -> B {{ let x = y; Box::pin({{ {site} {future} }}) }}");
    let item = "fn f() -> B { let x = y; Box::pin(async move { x.await }) }";
    assert_eq!(expanded("", item), normal(&expected));
}

#[test]
fn a_container_lists_what_it_leaves_out() {
    let text =
        expanded("", "#[cfg(a)] impl S { #[cfg(b)] const fn c() {} #[profile(skip)] fn d() {} }");
    assert!(text.starts_with(&normal(
        "#[cfg(a)] impl S { #[cfg(b)] const fn c() {} #[::profile_core::profile(skip)] fn d() {} }
         #[cfg(a)] #[cfg(b)] const _: () ="
    )));
    assert!(text.contains("aconstfncannotbetimed"));
}

#[test]
fn a_member_with_its_own_attribute_gets_the_options_of_its_container() {
    assert_eq!(
        expanded("overhead = \"2%\"", "mod m { #[profile(name = \"n\")] fn f() {} }"),
        normal("mod m { #[::profile_core::profile(name = \"n\", overhead = \"2%\")] fn f() {} }")
    );
    let imported = "mod m { use a::profile; impl S { #[profile()] fn f() {} } }";
    assert_eq!(expanded("", imported), normal(imported));
    let conditional = "mod m { #[cfg_attr(a, profile(skip))] fn f() {} }";
    assert_eq!(
        expanded("", conditional),
        normal("mod m { #[cfg_attr(a, profile(skip))] #[::profile_core::profile()] fn f() {} }")
    );
}

#[test]
fn nothing_is_measured_twice() {
    for text in ["fn f() { g() }", "async fn f() { g().await }"] {
        let once = profile(TokenStream::new(), text.parse().unwrap()).unwrap();
        let twice = profile(TokenStream::new(), once.clone()).unwrap();
        assert_eq!(normalised(twice), normalised(once.clone()));
        assert_eq!(expanded("", &format!("#[profile] {text}")), normalised(once));
    }
}

#[test]
fn skip_leaves_everything_alone() {
    for item in ["fn f() {}", "const fn f() {}", "struct S;", "@ not an item"] {
        assert_eq!(expanded("skip", item), normal(item));
    }
    assert_eq!(expanded("skip", "#[profile] fn f() {}"), normal("fn f() {}"));
}

#[test]
fn a_watched_function_has_one_span_and_a_watched_future_is_wrapped() {
    let watched =
        |item: &str| normalised(memory_usage(TokenStream::new(), item.parse().unwrap()).unwrap());
    let text = watched("#[profile(name = \"n\")] fn f() { g() }");
    assert!(text.starts_with("fnf(){let__profile_guard={static__PROFILE_SITE"), "{text}");
    assert!(text.contains("watch(&__PROFILE_SITE,&__PROFILE_PLAN)}};g()}"), "{text}");
    assert!(text.contains("\"n\""), "{text}");
    let text = watched("async fn f() { struct S; g().await }");
    let wrapped = "watch_future(&__PROFILE_SITE,&__PROFILE_PLAN,asyncmove{";
    assert!(text.contains(wrapped), "{text}");
    let error = |arguments: &str, item: &str| {
        let parsed = memory_usage(arguments.parse().unwrap(), item.parse().unwrap());
        parsed.expect_err("an error").to_string()
    };
    assert!(error("max_peak = 1", "struct S;").starts_with("`#[memory_usage]` watches"));
    assert!(
        error("", "impl S { fn f() {} }").starts_with("`#[memory_usage]` watches one function")
    );
}
