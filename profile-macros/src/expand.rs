//! Writes the code: one static and one guard in a function's own block, or a future around it.
//!
//! Every token made here is at `Span::mixed_site()`: its names cannot meet the user's, and lints
//! know that nobody wrote it. All paths start at the core crate, since the user may have shadowed
//! anything else. Nothing here may put the user's code into another function, or into braces that
//! are not theirs: both change lints, lifetimes and the order of drops.

use crate::arguments::{self, Notes};
use crate::body::{self, AsyncTail, Front};
use crate::describe;
use crate::item::{self, Braced, Container, End, Function, Item, in_braces};
use crate::lines::{self, Marked, Part, Surroundings, Way};
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

/// The attribute: its arguments and the item it is on, to what replaces the item.
pub fn profile(arguments: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
    let options: Options = syn::parse2(arguments)?;
    let mut item = match item::parse(tokens.clone()) {
        // Whatever this is, it shall be left alone.
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

/// `#[memory_usage]`: the same for one function, whose calls are watched besides; or limits for the
/// tests of a module.
pub fn memory_usage(arguments: TokenStream, tokens: TokenStream) -> Result<TokenStream> {
    let Arguments(options) = syn::parse2(arguments.clone())?;
    let mut item = item::parse(tokens)?;
    validate::watched(&item, &options)?;
    if let Item::Container(module) = item {
        return Ok(suite::with_limits(module, &arguments, &options));
    }
    // One span is enough: a `#[profile]` below this is part of it.
    let options = take_repeated(item.attributes_mut(), options);
    Ok(expand(&item, Scope { options: &options, imported: false }).item)
}

/// Removes further `#[profile]` attributes of the same item; the first, which is being expanded,
/// wins. A container adds one below a `cfg_attr` that may or may not turn into its own.
fn take_repeated(attributes: &mut Vec<Attribute>, mut options: Options) -> Options {
    let krate = options.krate();
    attributes.retain(|attribute| {
        if !options::is_ours(attribute.path(), &krate) {
            return true;
        }
        let repeated = options::of_attribute(attribute);
        // A wrong one stays, to complain when its turn comes.
        let is_wrong = repeated.is_err();
        options = std::mem::take(&mut options).or(&repeated.unwrap_or_default());
        is_wrong
    });
    options
}

/// An item, and registrations that must stand outside of it: an `impl` holds no statics.
struct Output {
    item: TokenStream,
    beside: Vec<TokenStream>,
}

impl Output {
    fn only(item: TokenStream) -> Self {
        Self { item, beside: Vec::new() }
    }
}

/// What holds for the members of a container.
#[derive(Clone, Copy)]
struct Scope<'a> {
    options: &'a Options,
    /// Whether the module that is expanded imports `profile`, for the attributes in it.
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

/// Whether the attribute does something for this item in a container.
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

/// A member with a `#[profile]` of its own keeps it, with what the container adds; the compiler
/// comes back with it. So nothing is measured twice, and mistakes are reported once and where they
/// are.
fn expand_member(mut member: Item, scope: Scope<'_>) -> Output {
    let is_measured = is_measured(&member);
    let attributes = member.attributes_mut();
    let own = add_to_own(attributes, scope);
    let conditional = is_measured && attributes.iter().any(options::may_become_ours);
    if !own && conditional {
        // Whether the compiler takes the condition is not known here. This one stands below it,
        // and is merged into it if it turns out to be there.
        attributes.push(attribute(scope.options));
    }
    if own || conditional {
        return Output::only(member.into_token_stream());
    }
    expand(&member, scope)
}

/// Hands the container's options to the attributes that are ours. Wrong ones stay as they are:
/// they will speak for themselves.
fn add_to_own(attributes: &mut [Attribute], scope: Scope<'_>) -> bool {
    let krate = scope.options.krate();
    let mut found = false;
    for own in attributes.iter_mut().filter(|it| options::is_ours(it.path(), &krate)) {
        found = true;
        // A bare `profile` need not be in scope in here; but if it was imported for this
        // attribute alone, the import must stay in use.
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

/// An item that stays as it is, with a registration for each function the report shall list.
fn left_out(item: &Item, options: &Options) -> Output {
    let cfgs = cfgs(item.attributes());
    let krate = options.krate();
    let skipped = validate::skipped(item).into_iter().map(|it| {
        let registration = skipped_registration(&krate, &it);
        quote!(#(#cfgs)* #registration)
    });
    Output { item: item.to_token_stream(), beside: skipped.collect() }
}

/// What says that an item may not exist must also be said of what we put next to it.
fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|it| it.path().is_ident("cfg")).cloned().collect()
}

fn skipped_registration(krate: &Path, skipped: &Skipped) -> TokenStream {
    let here = Span::mixed_site();
    let (name, reason) = (string(&skipped.name), string(skipped.reason));
    let Place { file, line, .. } = place(krate, skipped.span);
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

/// The function with its body measured, in the way that suits it.
fn expand_function(function: &Function, options: &Options) -> TokenStream {
    let End::Body(body) = &function.end else { return function.to_token_stream() };
    if is_instrumented(body.tokens.clone()) {
        // The attribute came under another name, which a container around it did not recognise.
        return function.to_token_stream();
    }
    let body_tokens = if function.signature.asyncness.is_some() {
        async_body(function, body, options)
    } else {
        sync_body(function, body, options)
    };
    function.with_body(body.brace, body_tokens)
}

/// One statement more in the user's block; or, if the block ends in a future, that future wrapped.
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

/// Whether something in the body names the function's static or its guard.
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

/// What opens the span of a function.
fn opened(options: &Options) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    match &options.usage {
        // Lines, arguments and returns ask for the call's frame.
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

/// Marks of one function that are in its code. An inlined mark costs the compiler 3 ms and 430
/// KiB in a debug build: with the 66,000 statements of one generated function, all the memory there
/// was.
const MOST_INLINED: usize = 1_000;

/// The guard, and the body with a mark before each statement, or a look at what it returns.
fn lined(
    function: &Function,
    rest: TokenStream,
    brace: token::Brace,
    options: &Options,
) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    let marked = marked(function, rest, brace, options, Way::Variable);
    let (site, opened) = (site(function, "Function", options, &marked), opened(options));
    let Marked { body, marks, .. } = marked;
    let body = looked_at(raising(body, options), options);
    let way =
        proc_macro2::Ident::new(if marks > MOST_INLINED { "outlined" } else { "lines" }, here);
    let stay = options.lines.iter().map(|_| {
        quote_spanned! {here=>
            let __profile_stay = #krate::__private::stay_in_lines(&__PROFILE_SITE);
            let __profile_lines = __profile_stay.#way();
        }
    });
    let ask = options
        .returns
        .iter()
        .map(|_| quote_spanned!(here=> #krate::__private::ask_return(&__PROFILE_SITE);));
    let Notes { before, inside } = noted(function, options);
    // The static is in the user's block, where what is in it finds it.
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

/// The statements that note the arguments of a call, if that is requested. A list that is wrong is
/// a message in their place.
fn noted(function: &Function, options: &Options) -> Notes {
    let (Some(list), End::Body(body)) = (&options.arguments, &function.end) else {
        return Notes::default();
    };
    arguments::note(list, &function.signature, &body.tokens, &options.krate()).unwrap_or_else(
        |error| Notes { inside: error.to_compile_error(), before: TokenStream::new() },
    )
}

/// The same in a block that is polled: the span of its first poll is open.
fn noted_in_poll(function: &Function, options: &Options) -> TokenStream {
    let Notes { before, inside } = noted(function, options);
    quote!(#before #inside)
}

/// A body whose values are looked at, if that is requested.
fn looked_at(body: TokenStream, options: &Options) -> TokenStream {
    let krate = options.krate();
    match &options.returns {
        Some(_) => returns::look(body, &|value| {
            let here = Span::mixed_site();
            quote_spanned!(here=> #krate::__private::returned(&__PROFILE_SITE, #value))
        }),
        None => body,
    }
}

/// A body in place of whose values an exceeded limit may be returned, if that is requested. The
/// value comes first: a `return` in it uses the guard too.
fn raising(body: TokenStream, options: &Options) -> TokenStream {
    let krate = options.krate();
    let here = Span::mixed_site();
    match (&options.raise, &options.usage) {
        (None, _) => body,
        (Some(_), None) => returns::look(
            body,
            &|value| quote_spanned!(here=> #krate::__private::raised(#value, &__profile_guard)),
        ),
        (Some(_), Some(_)) => returns::look(
            body,
            &|value| quote_spanned!(here=> #krate::__private::raised_watched(#value, &__profile_guard)),
        ),
    }
}

/// A body with its marks, if lines are requested. They come first: a value that is looked at has no
/// lines of its own.
fn marked(
    function: &Function,
    rest: TokenStream,
    brace: token::Brace,
    options: &Options,
    way: Way,
) -> Marked {
    if options.lines.is_none() {
        return Marked::without_marks(rest);
    }
    let krate = options.krate();
    let expects_unreachable = function.attributes.iter().any(lines::expects_unreachable);
    let close = brace.span.close();
    lines::mark(rest, Surroundings { krate: &krate, way, close, expects_unreachable })
}

fn wrapped_tail(function: &Function, tail: AsyncTail, options: &Options) -> TokenStream {
    let AsyncTail { before, boxed, head, block } = tail;
    if boxed.is_none() && before.is_empty() {
        // All but an `async fn`. clippy advises to write it as one, and looks into the block for
        // what it returns; so the block stays and only its inside is wrapped. That is not done for
        // others because the inner future holds a second copy of what the block captures.
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
    let marked = marked(function, block.stream(), brace, options, Way::Thread);
    let site = site(function, "Async", options, &marked);
    let (noted, body) = (noted_in_poll(function, options), looked_at(marked.body, options));
    let inside = in_braces(brace, quote!(#noted #body));
    let future = instrumented(quote!(#head #inside), options);
    let future = quote_spanned!(Span::mixed_site()=> { #site #future });
    after(before, boxed, future)
}

/// The future at the end of a body, or in the call of `Box::pin` there.
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

/// Whether attribute macros still stand below ours. `#[instrument]`, `#[trace]` and their like look
/// for an async block at the end of the function, and the code in it runs without their span if
/// they do not find it.
fn has_foreign_attributes(function: &Function) -> bool {
    function.attributes.iter().any(|it| options::may_be_foreign(&it.meta))
}

/// The inside of an async block that stays where it is:
///
/// ```text
/// static …; let hint = || None;
/// if let Some(it) = hint() { return it; }
/// Instrumented::new(site, async move { if let Some(it) = hint() { return it; } body }).await
/// ```
///
/// The hint tells the inner block its type by the outer one's, which the compiler knows from the
/// function's. What the block captures is held twice, so that is only done where somebody looks for
/// the block.
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
    let marked = marked(function, rest, brace, options, Way::Thread);
    let site = site(function, "Async", options, &marked);
    let (noted, rest) = (noted_in_poll(function, options), looked_at(marked.body, options));
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
    // `async` from the signature: clippy does not look into blocks that nobody wrote.
    let asyncness = &function.signature.asyncness;
    let head = quote_spanned!(Span::mixed_site()=> #asyncness move);
    let Braced { brace, tokens } = body.clone();
    polled(function, &Block { head, brace, tokens, output: Some(output) }, options)
}

/// A block of the user's that runs as a future.
struct Block {
    /// `async` or `async move`
    head: TokenStream,
    brace: token::Brace,
    tokens: TokenStream,
    /// The declared type of its value, where there is one.
    output: Option<Type>,
}

/// What is in a block once every poll of it is measured.
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
/// The `return` never runs. It tells the async block its type, since such a block declares none,
/// and `?` and coercions in the body lean on it; after `loop {}` instead of `None` everything
/// would be unreachable code. The type is named out here, where the body's own items do not hide
/// it. Another pair of braces inside would do that too, but rustc advises to remove them.
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
        // The compiler's "return type inferred here" shall point at the declared one.
        quote_spanned! {here.located_at(declared.span())=>
            if let #krate::__private::core::option::Option::Some(__profile_return) =
                __profile_return()
            {
                return __profile_return;
            }
        }
    });
    let marked = marked(function, rest, block.brace, options, Way::Thread);
    let site = site(function, "Async", options, &marked);
    let (noted, rest) = (noted_in_poll(function, options), looked_at(marked.body, options));
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
            let way = if raises { "watch_raising_future" } else { "watch_future" };
            let way = proc_macro2::Ident::new(way, here);
            quote_spanned! {here=> {
                static __PROFILE_PLAN: #krate::__private::UsagePlan = #plan;
                #krate::__private::#way(&__PROFILE_SITE, &__PROFILE_PLAN, #future)
            }}
        }
    };
    quote_spanned!(here=> #krate::__private::Instrumented::new(|| &__PROFILE_SITE, #future))
}

/// The type as it can be written in a body.
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

/// `impl Trait` has no name in a body; `_` leaves it to the rest of the body.
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

/// The static that describes a function, and its entry in the list of all.
fn site(function: &Function, kind: &str, options: &Options, marked: &Marked) -> TokenStream {
    let here = Span::mixed_site();
    let krate = options.krate();
    let kind = proc_macro2::Ident::new(kind, here);
    let ident = &function.signature.ident;
    let name = options
        .name
        .as_ref()
        .map_or_else(|| ident.to_string().trim_start_matches("r#").to_owned(), syn::LitStr::value);
    // NUL is between the parts.
    let (nul, name) = (string("\0"), string(&name.replace('\0', "")));
    let documentation = string(&describe::documentation(&function.attributes));
    let signature = string(&describe::readable(function.head.clone()));
    let overhead = options.overhead.as_ref().map_or(0.0, |overhead| overhead.share);
    let overhead = spanned(Literal::f64_suffixed(overhead));
    let Place { file, line, column } = place(&krate, ident.span());
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

/// `12 18 11 select!`, a line each.
fn text_of(parts: &[Part]) -> String {
    let text = |Part { lines: [first, last], counted_on, what }: &Part| {
        format!("{first} {last} {counted_on} {what}")
    };
    parts.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Three expressions that say where a token was written.
struct Place {
    file: TokenStream,
    line: TokenStream,
    column: TokenStream,
}

fn place(krate: &Path, span: Span) -> Place {
    let here = Span::mixed_site();
    match describe::place(span) {
        Some(place) => Place {
            file: string(&place.file).into(),
            line: spanned(Literal::u32_suffixed(place.line)).into(),
            column: spanned(Literal::u32_suffixed(place.column)).into(),
        },
        None => Place {
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

/// Whether a body already holds our static.
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
