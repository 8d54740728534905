//! Generates the code: one static and one guard in a function's own block, or a wrapped future.
//!
//! Every generated token has the span `Span::mixed_site()`: its names cannot collide with the
//! user's, and lints know that it is generated. All paths start at the core crate, since the user
//! may have shadowed anything else. This module must not move the user's code into another function
//! or into new braces: both change lints, lifetimes and drop order.

use crate::arguments::{self, Notes};
use crate::body::{self, AsyncTail, Front};
use crate::describe;
use crate::item::{self, Braced, Container, End, Function, Item, in_braces};
use crate::lines::{self, Context, Lookup, Marked, Part};
use crate::memory_usage::Arguments;
use crate::options::{self, Options};
use crate::returns;
use crate::suite;
use crate::validate::{self, Skipped};
use proc_macro2::{Group, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, GenericArgument, Meta, Path, PathArguments, Result, ReturnType, Type,
    TypeParamBound, parse_quote_spanned, token,
};

/// Expands `#[profile]`: its arguments and the item it is applied to become the new item.
pub fn profile(arguments: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
    let options: Options = syn::parse2(arguments)?;
    let mut item = match item::parse(tokens.clone()) {
        // `skip` leaves anything alone, even what cannot be parsed.
        Err(_) if options.skip.is_some() => return Ok(tokens),
        parsed => parsed?,
    };
    let options = take_repeated(item.attributes_mut(), options);
    if options.skip.is_some() {
        return Ok(item.into_token_stream());
    }
    validate::alone(&item, &options)?;
    let Output { item, beside } = expand(&item, Scope { options: &options, imported: false });
    Ok(quote!(#item #(#beside)*))
}

/// Expands `#[memory_usage]`: the same for one function whose calls are also watched, or limits for
/// the tests of a module.
pub fn memory_usage(arguments: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
    let Arguments(options) = syn::parse2(arguments.clone())?;
    let mut item = item::parse(tokens)?;
    validate::watched(&item, &options)?;
    if let Item::Container(module) = item {
        return Ok(suite::with_limits(module, &arguments, &options));
    }
    // One span is enough: a `#[profile]` below this one is merged into it.
    let options = take_repeated(item.attributes_mut(), options);
    Ok(expand(&item, Scope { options: &options, imported: false }).item)
}

/// Removes further `#[profile]` attributes of the same item; the first, which is being expanded,
/// takes precedence. A container adds one below a `cfg_attr` that may or may not expand to its own.
fn take_repeated(attributes: &mut Vec<Attribute>, mut options: Options) -> Options {
    let krate = options.krate();
    attributes.retain(|attribute| {
        if !options::is_ours(attribute.path(), &krate) {
            return true;
        }
        let repeated = options::of_attribute(attribute);
        // An invalid one stays, and is reported when it is expanded.
        let is_wrong = repeated.is_err();
        options = std::mem::take(&mut options).or(&repeated.unwrap_or_default());
        is_wrong
    });
    options
}

/// An item, and registrations that must be outside of it, since an `impl` cannot hold statics.
struct Output {
    item: TokenStream,
    beside: Vec<TokenStream>,
}

impl Output {
    fn only(item: TokenStream) -> Self {
        Self { item, beside: Vec::new() }
    }
}

/// The context of the members of a container.
#[derive(Clone, Copy)]
struct Scope<'a> {
    options: &'a Options,
    /// Whether the module being expanded imports `profile`, for the attributes in it.
    imported: bool,
}

fn expand(item: &Item, scope: Scope<'_>) -> Output {
    match item {
        Item::Function(function) if is_measured(item) => {
            Output::only(expand_function(function, scope.options))
        }
        Item::Function(_) | Item::Other(_) => left_out(item, scope.options),
        Item::Container(container) => expand_container(container, scope),
    }
}

/// Whether the attribute has an effect on this item in a container.
fn is_measured(item: &Item) -> bool {
    match item {
        Item::Function(function) => validate::obstacle(function).is_none(),
        Item::Container(_) => true,
        Item::Other(_) => false,
    }
}

fn expand_container(container: &Container, mut scope: Scope<'_>) -> Output {
    if container.is_module {
        scope.imported = container.imports("profile");
    }
    let mut tokens = TokenStream::new();
    let mut beside = Vec::new();
    for member in &container.members {
        let output = expand_member(member.clone(), scope);
        tokens.extend(output.item);
        if container.is_module {
            tokens.extend(output.beside);
        } else {
            beside.extend(output.beside);
        }
    }
    let cfgs = cfgs(&container.attributes);
    let beside = beside.into_iter().map(|it| quote!(#(#cfgs)* #it)).collect();
    Output { item: container.with_members(tokens), beside }
}

/// A member with its own `#[profile]` keeps it, extended by the container's options; the compiler
/// expands it later. So nothing is measured twice, and each mistake is reported once, where it is.
fn expand_member(mut member: Item, scope: Scope<'_>) -> Output {
    let is_measured = is_measured(&member);
    let attributes = member.attributes_mut();
    let own = add_to_own(attributes, scope);
    let conditional = is_measured && attributes.iter().any(options::may_become_ours);
    if !own && conditional {
        // Whether the condition holds is not known here. This attribute is added below the
        // conditional one, which merges it if the condition holds.
        attributes.push(attribute(scope.options));
    }
    if own || conditional {
        return Output::only(member.into_token_stream());
    }
    expand(&member, scope)
}

/// Passes the container's options to attributes of ours. Invalid ones stay as they are and are
/// reported when they are expanded.
fn add_to_own(attributes: &mut [Attribute], scope: Scope<'_>) -> bool {
    let krate = scope.options.krate();
    let mut found = false;
    for own in attributes.iter_mut().filter(|it| options::is_ours(it.path(), &krate)) {
        found = true;
        // A bare `profile` may not be in scope in here; but if it was imported only for this
        // attribute, the import must remain used.
        let path = match own.path().get_ident() {
            Some(_) if !scope.imported => parse_quote_spanned!(own.span()=> #krate::profile),
            _ => own.path().clone(),
        };
        let arguments = match (options::of_attribute(own), &own.meta) {
            (Ok(inner), _) if inner.skip.is_none() => inner.or(scope.options).to_arguments(),
            (_, Meta::List(list)) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        own.meta = parse_quote_spanned!(Span::mixed_site()=> #path(#arguments));
    }
    found
}

fn attribute(options: &Options) -> Attribute {
    let (krate, arguments) = (options.krate(), options.to_arguments());
    parse_quote_spanned!(Span::mixed_site()=> #[#krate::profile(#arguments)])
}

/// An item left unchanged, with a registration for each function that the report must list.
fn left_out(item: &Item, options: &Options) -> Output {
    let cfgs = cfgs(item.attributes());
    let krate = options.krate();
    let skipped = validate::skipped(item).into_iter().map(|it| {
        let registration = skipped_registration(&krate, &it);
        quote!(#(#cfgs)* #registration)
    });
    Output { item: item.to_token_stream(), beside: skipped.collect() }
}

/// A `cfg` on an item must also apply to what is generated next to it.
fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|it| it.path().is_ident("cfg")).cloned().collect()
}

fn skipped_registration(krate: &Path, skipped: &Skipped) -> TokenStream {
    let here = Span::mixed_site();
    let (name, reason) = (string(&skipped.name), string(skipped.reason));
    let Location { file, line, .. } = location(krate, skipped.span);
    quote_spanned! {here=>
        const _: () = {
            static __PROFILE_SKIPPED: #krate::__private::Skipped = #krate::__private::Skipped {
                name: #name,
                module: #krate::__private::core::module_path!(),
                file: #file,
                line: #line,
                reason: #reason,
            };
            #krate::__private::submit_skipped!(__PROFILE_SKIPPED);
        };
    }
}

/// The function with its body measured, in the form that suits it.
fn expand_function(function: &Function, options: &Options) -> TokenStream {
    let End::Body(body) = &function.end else { return function.to_token_stream() };
    if is_instrumented(body.tokens.clone()) {
        // The attribute was used under another name, which a container around it did not recognize.
        return function.to_token_stream();
    }
    let body_tokens = if function.signature.asyncness.is_some() {
        async_body(function, body, options)
    } else {
        sync_body(function, body, options)
    };
    function.with_body(body.brace, body_tokens)
}

/// Adds one statement to the user's block or, if the block ends in a future, wraps that future.
fn sync_body(function: &Function, body: &Braced, options: &Options) -> TokenStream {
    let Front { inner_attributes, items, rest } = body::front(body.tokens.clone());
    let statement_or_tail = match body::async_tail(&rest) {
        Some(tail) => wrapped_tail(function, tail, options),
        None if names_its_site(options) => lined(function, rest, body.brace, options),
        None => {
            let guard = guard(function, options);
            quote!(#guard #rest)
        }
    };
    quote!(#inner_attributes #items #statement_or_tail)
}

/// Whether generated code in the body refers to the function's static or its guard.
fn names_its_site(options: &Options) -> bool {
    let Options { lines, returns, arguments, raise, .. } = options;
    lines.is_some() || returns.is_some() || arguments.is_some() || raise.is_some()
}

fn guard(function: &Function, options: &Options) -> TokenStream {
    let unmarked = Marked::without_marks(TokenStream::new());
    let (site, opened) = (site(function, "Function", options, &unmarked), opened(options));
    quote_spanned! {Span::mixed_site()=>
        let __profile_guard = {
            #site
            #opened
        };
    }
}

/// The expression that opens the span of a function.
fn opened(options: &Options) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    match &options.usage {
        // Lines, arguments and returns need the frame of each call.
        None if names_its_site(options) => {
            quote_spanned!(here=> #krate::__private::enter_each(&__PROFILE_SITE))
        }
        None => quote_spanned! {here=> {
            #krate::__private::thread_local! {
                static __PROFILE_TURNS: #krate::__private::Turns =
                    const { #krate::__private::Turns::new() };
            }
            #krate::__private::enter(&__PROFILE_SITE, &__PROFILE_TURNS)
        }},
        Some(usage) => {
            let plan = usage.plan(&krate, options.raise.is_some());
            quote_spanned! {here=> {
                static __PROFILE_PLAN: #krate::__private::UsagePlan = #plan;
                #krate::__private::watch(&__PROFILE_SITE, &__PROFILE_PLAN)
            }}
        }
    }
}

/// Maximum number of inlined marks in one function. An inlined mark costs the compiler 3 ms and 430
/// KiB in a debug build; a generated function with 66,000 statements ran out of memory.
const MOST_INLINED: usize = 1_000;

/// The guard, and the body with a mark before each statement, or with its returned values wrapped.
fn lined(
    function: &Function,
    rest: TokenStream,
    brace: token::Brace,
    options: &Options,
) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    let marked = marked(function, rest, brace, options, Lookup::Variable);
    let (site, opened) = (site(function, "Function", options, &marked), opened(options));
    let Marked { body, marks, .. } = marked;
    let body = observing_returns(raising(body, options), options);
    let method =
        proc_macro2::Ident::new(if marks > MOST_INLINED { "outlined" } else { "lines" }, here);
    let stay = options.lines.iter().map(|_| {
        quote_spanned! {here=>
            let __profile_stay = #krate::__private::stay_in_lines(&__PROFILE_SITE);
            let __profile_lines = __profile_stay.#method();
        }
    });
    let ask = options
        .returns
        .iter()
        .map(|_| quote_spanned!(here=> #krate::__private::ask_return(&__PROFILE_SITE);));
    let Notes { before, inside } = noted(function, options);
    // The static is in the user's block, where the generated code in the body can refer to it.
    quote_spanned! {here=>
        #site
        #before
        let __profile_guard = #opened;
        #(#ask)*
        #inside
        #(#stay)*
        #body
    }
}

/// The statements that record the arguments of a call, if enabled. An invalid list becomes a
/// compile error in their place.
fn noted(function: &Function, options: &Options) -> Notes {
    let (Some(list), End::Body(body)) = (&options.arguments, &function.end) else {
        return Notes::default();
    };
    arguments::note(list, &function.signature, &body.tokens, &options.krate()).unwrap_or_else(
        |error| Notes { inside: error.to_compile_error(), before: TokenStream::new() },
    )
}

/// The same in a block that is polled, while the span of its first poll is open.
fn noted_in_poll(function: &Function, options: &Options) -> TokenStream {
    let Notes { before, inside } = noted(function, options);
    quote!(#before #inside)
}

/// The body with its returned values observed, if enabled.
fn observing_returns(body: TokenStream, options: &Options) -> TokenStream {
    let krate = options.krate();
    match &options.returns {
        Some(_) => returns::wrap_values(body, &|value| {
            let here = Span::mixed_site();
            quote_spanned!(here=> #krate::__private::returned(&__PROFILE_SITE, #value))
        }),
        None => body,
    }
}

/// A body that may return an exceeded limit instead of its value, if enabled. The value comes
/// first, since a `return` in it uses the guard too.
fn raising(body: TokenStream, options: &Options) -> TokenStream {
    let krate = options.krate();
    let here = Span::mixed_site();
    match (&options.raise, &options.usage) {
        (None, _) => body,
        (Some(_), None) => returns::wrap_values(
            body,
            &|value| quote_spanned!(here=> #krate::__private::raised(#value, &__profile_guard)),
        ),
        (Some(_), Some(_)) => returns::wrap_values(
            body,
            &|value| quote_spanned!(here=> #krate::__private::raised_watched(#value, &__profile_guard)),
        ),
    }
}

/// The body with its marks, if lines are enabled. Marks come first, because a wrapped value has no
/// lines of its own.
fn marked(
    function: &Function,
    rest: TokenStream,
    brace: token::Brace,
    options: &Options,
    lookup: Lookup,
) -> Marked {
    if options.lines.is_none() {
        return Marked::without_marks(rest);
    }
    let krate = options.krate();
    let expects_unreachable = function.attributes.iter().any(lines::expects_unreachable);
    let close = brace.span.close();
    lines::mark(rest, Context { krate: &krate, lookup, close, expects_unreachable })
}

fn wrapped_tail(function: &Function, tail: AsyncTail, options: &Options) -> TokenStream {
    let AsyncTail { before, boxed, head, block } = tail;
    if boxed.is_none() && before.is_empty() {
        // Not an `async fn`, but equivalent to one. clippy suggests writing it as one, and inspects
        // the block for what it returns; so the block stays and only its contents are wrapped.
        // Elsewhere this is avoided because the inner future holds a second copy of what the block
        // captures.
        let output = future_output(&function.signature.output);
        let brace = token::Brace { span: block.delim_span() };
        let block = Block { head, brace, tokens: block.stream(), output };
        let (head, polled) = (&block.head, in_braces(brace, polled(function, &block, options)));
        return quote!(#head #polled);
    }
    let brace = token::Brace { span: block.delim_span() };
    if has_foreign_attributes(function) {
        let tokens = block.stream();
        let polled = polled_as_it_was(function, &head, brace, tokens, options);
        let future = quote!(#head #polled);
        return after(before, boxed, future);
    }
    let marked = marked(function, block.stream(), brace, options, Lookup::Thread);
    let site = site(function, "Async", options, &marked);
    let (noted, body) = (noted_in_poll(function, options), observing_returns(marked.body, options));
    let inside = in_braces(brace, quote!(#noted #body));
    let future = instrumented(quote!(#head #inside), options);
    let future = quote_spanned!(Span::mixed_site()=> { #site #future });
    after(before, boxed, future)
}

/// The future at the end of a body, or as the argument of `Box::pin` there.
fn after(
    before: TokenStream,
    boxed: Option<(TokenStream, Group)>,
    future: TokenStream,
) -> TokenStream {
    match boxed {
        Some((path, argument)) => {
            let mut group = Group::new(argument.delimiter(), future);
            group.set_span(argument.span());
            quote!(#before #path #group)
        }
        None => quote!(#before #future),
    }
}

/// Whether attribute macros remain below ours. `#[instrument]`, `#[trace]` and similar macros look
/// for an async block at the end of the function, and run its code without their span if they find
/// none.
fn has_foreign_attributes(function: &Function) -> bool {
    function.attributes.iter().any(|it| options::may_be_foreign(&it.meta))
}

/// The contents of an async block that stays where it is:
///
/// ```text
/// static …; let hint = || None;
/// if let Some(it) = hint() { return it; }
/// Instrumented::new(site, async move { if let Some(it) = hint() { return it; } body }).await
/// ```
///
/// The hint gives the inner block the type of the outer one, which the compiler knows from the
/// function's signature. What the block captures is stored twice, so this is done only where
/// another attribute looks for the block.
fn polled_as_it_was(
    function: &Function,
    head: &TokenStream,
    brace: token::Brace,
    tokens: TokenStream,
    options: &Options,
) -> TokenTree {
    let here = Span::mixed_site();
    let krate = options.krate();
    let Front { inner_attributes, items, rest } = body::front(tokens);
    let marked = marked(function, rest, brace, options, Lookup::Thread);
    let site = site(function, "Async", options, &marked);
    let (noted, rest) = (noted_in_poll(function, options), observing_returns(marked.body, options));
    let hinted = quote_spanned! {here=>
        if let #krate::__private::core::option::Option::Some(__profile_return) =
            __profile_return()
        {
            return __profile_return;
        }
    };
    let inside = in_braces(brace, quote!(#items #hinted #noted #rest));
    let future = instrumented(quote!(#head #inside), options);
    let polled = quote_spanned! {here=>
        #inner_attributes
        #site
        let __profile_return = || #krate::__private::core::option::Option::None;
        #hinted
        #future.await
    };
    in_braces(brace, polled)
}

/// The body of an `async fn` becomes a future in a block with the same braces.
fn async_body(function: &Function, body: &Braced, options: &Options) -> TokenStream {
    let output = match &function.signature.output {
        ReturnType::Default => parse_quote_spanned!(Span::mixed_site()=> ()),
        ReturnType::Type(_, declared) => Type::clone(declared),
    };
    // `async` from the signature: clippy does not check generated blocks.
    let asyncness = &function.signature.asyncness;
    let head = quote_spanned!(Span::mixed_site()=> #asyncness move);
    let Braced { brace, tokens } = body.clone();
    polled(function, &Block { head, brace, tokens, output: Some(output) }, options)
}

/// A block of the user's code that runs as a future.
struct Block {
    /// `async` or `async move`
    head: TokenStream,
    brace: token::Brace,
    tokens: TokenStream,
    /// The declared type of its value, where there is one.
    output: Option<Type>,
}

/// The contents of a block once every poll of it is measured.
///
/// ```text
/// #![inner] let hint = || None::<T>;
/// Instrumented::new(site, async move {
///     items
///     if let Some(it) = hint() { return it; }
///     rest
/// })
/// .await
/// ```
///
/// The `return` never runs. It gives the async block its type, which such a block cannot declare,
/// but which `?` and coercions in the body depend on. With `loop {}` instead of `None`, everything
/// after it would be unreachable code. The type is named outside, where the body's own items do not
/// shadow it. Another pair of braces inside would also work, but rustc suggests removing them.
fn polled(function: &Function, block: &Block, options: &Options) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    let Front { inner_attributes, items, rest } = body::front(block.tokens.clone());
    let declared = block.output.as_ref().and_then(nameable);
    let hint = declared.iter().map(|declared| {
        quote_spanned! {here=>
            let __profile_return = || #krate::__private::core::option::Option::None::<#declared>;
        }
    });
    let hinted = declared.iter().map(|declared| {
        // The compiler's "return type inferred here" should point at the declared type.
        quote_spanned! {here.located_at(declared.span())=>
            if let #krate::__private::core::option::Option::Some(__profile_return) =
                __profile_return()
            {
                return __profile_return;
            }
        }
    });
    let marked = marked(function, rest, block.brace, options, Lookup::Thread);
    let site = site(function, "Async", options, &marked);
    let (noted, rest) = (noted_in_poll(function, options), observing_returns(marked.body, options));
    let inside = in_braces(block.brace, quote!(#items #(#hinted)* #noted #rest));
    let head = &block.head;
    let future = instrumented(quote!(#head #inside), options);
    let awaited = quote_spanned!(here=> #site #(#hint)* #future.await);
    quote!(#inner_attributes #awaited)
}

fn instrumented(future: TokenStream, options: &Options) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    let future = match &options.lines {
        None => future,
        Some(_) => {
            quote_spanned!(here=> #krate::__private::lined_future(&__PROFILE_SITE, #future))
        }
    };
    let raises = options.raise.is_some();
    let future = match &options.usage {
        None if raises => {
            quote_spanned!(here=> #krate::__private::raising_future(&__PROFILE_SITE, #future))
        }
        None => future,
        Some(usage) => {
            let plan = usage.plan(&krate, raises);
            let watch = if raises { "watch_raising_future" } else { "watch_future" };
            let watch = proc_macro2::Ident::new(watch, here);
            quote_spanned! {here=> {
                static __PROFILE_PLAN: #krate::__private::UsagePlan = #plan;
                #krate::__private::#watch(&__PROFILE_SITE, &__PROFILE_PLAN, #future)
            }}
        }
    };
    quote_spanned!(here=> #krate::__private::Instrumented::new(|| &__PROFILE_SITE, #future))
}

/// The type in a form that can be written in a body.
fn nameable(declared: &Type) -> Option<Type> {
    // A block that never ends needs no hint, and `!` cannot be written as an argument yet.
    if matches!(declared, Type::Never(_)) {
        return None;
    }
    let mut declared = declared.clone();
    ImplToInfer.visit_type_mut(&mut declared);
    Some(declared)
}

/// `T` of `-> impl Future<Output = T>`
fn future_output(output: &ReturnType) -> Option<Type> {
    let ReturnType::Type(_, declared) = output else { return None };
    let Type::ImplTrait(declared) = &**declared else { return None };
    declared.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last().filter(|it| it.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(it) if it.ident == "Output" => Some(it.ty.clone()),
            _ => None,
        })
    })
}

/// `impl Trait` cannot be named in a body; `_` lets the compiler infer it from the rest of the
/// body.
struct ImplToInfer;

impl VisitMut for ImplToInfer {
    fn visit_type_mut(&mut self, node: &mut Type) {
        if matches!(node, Type::ImplTrait(_)) {
            *node = parse_quote_spanned!(Span::mixed_site()=> _);
        } else {
            visit_mut::visit_type_mut(self, node);
        }
    }
}

/// The static that describes a function, and its registration.
fn site(function: &Function, kind: &str, options: &Options, marked: &Marked) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    let kind = proc_macro2::Ident::new(kind, here);
    let ident = &function.signature.ident;
    let name = options
        .name
        .as_ref()
        .map_or_else(|| ident.to_string().trim_start_matches("r#").to_owned(), syn::LitStr::value);
    // NUL separates the parts.
    let (nul, name) = (string("\0"), string(&name.replace('\0', "")));
    let documentation = string(&describe::documentation(&function.attributes));
    let signature = string(&describe::readable(function.head.clone()));
    let overhead = options.overhead.as_ref().map_or(0.0, |overhead| overhead.share);
    let overhead = spanned(Literal::f64_suffixed(overhead));
    let Location { file, line, column } = location(&krate, ident.span());
    let lines = line_source(function, options, marked);
    let asks_return = options.returns.is_some();
    let limits = options.limits();
    quote_spanned! {here=>
        static __PROFILE_SITE: #krate::__private::CallSite =
            #krate::__private::CallSite::new(#krate::__private::Source {
                kind: #krate::__private::Kind::#kind,
                text: #krate::__private::core::concat!(
                    #krate::__private::core::module_path!(), #nul, #file, #nul,
                    #name, #nul, #signature, #nul, #documentation
                ),
                line: #line,
                column: #column,
                overhead: #overhead,
                lines: #lines,
                asks_return: #asks_return,
                limits: #limits,
                path: #krate::__private::path_of(&|| ()),
            });
        #krate::__private::submit!(__PROFILE_SITE);
    }
}

/// `Some(&LineSource { … })` of a function with lines.
fn line_source(function: &Function, options: &Options, marked: &Marked) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    let (Some(lines), End::Body(body)) = (&options.lines, &function.end) else {
        return quote_spanned!(here=> #krate::__private::core::option::Option::None);
    };
    let first =
        function.head.clone().into_iter().next().map_or_else(Span::call_site, |it| it.span());
    let (start, text) = describe::lines_of_file(first, body.brace.span.close()).unwrap_or_default();
    let start = spanned(Literal::u32_suffixed(start));
    let (text, with_resident) = (string(&text), lines.with_resident);
    let numbers = marked.lines.iter().map(|number| spanned(Literal::u32_suffixed(*number)));
    let parts = string(&text_of(&marked.parts));
    quote_spanned! {here=>
        #krate::__private::core::option::Option::Some(&#krate::__private::LineSource {
            first_line: #start,
            text: #text,
            numbers: &[#(#numbers),*],
            parts: #parts,
            with_resident: #with_resident,
        })
    }
}

/// `12 18 11 select!`, one part per line.
fn text_of(parts: &[Part]) -> String {
    let text = |Part { lines: [first, last], counted_on, what }: &Part| {
        format!("{first} {last} {counted_on} {what}")
    };
    parts.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Three expressions for the location of a token.
struct Location {
    file: TokenStream,
    line: TokenStream,
    column: TokenStream,
}

fn location(krate: &Path, span: Span) -> Location {
    let here = Span::mixed_site();
    match describe::location(span) {
        Some(location) => Location {
            file: string(&location.file).into(),
            line: spanned(Literal::u32_suffixed(location.line)).into(),
            column: spanned(Literal::u32_suffixed(location.column)).into(),
        },
        None => Location {
            file: quote_spanned!(here=> #krate::__private::core::file!()),
            line: quote_spanned!(here=> #krate::__private::core::line!()),
            column: quote_spanned!(here=> #krate::__private::core::column!()),
        },
    }
}

fn string(text: &str) -> TokenTree {
    spanned(Literal::string(text))
}

fn spanned(mut literal: Literal) -> TokenTree {
    literal.set_span(Span::mixed_site());
    TokenTree::Literal(literal)
}

/// Whether a body already contains our static.
fn is_instrumented(body: TokenStream) -> bool {
    let mut after_static = false;
    body.into_iter().any(|tree| match tree {
        TokenTree::Ident(word) => {
            let ours = after_static && word == "__PROFILE_SITE";
            after_static = word == "static";
            ours
        }
        TokenTree::Group(group) => is_instrumented(group.stream()),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
