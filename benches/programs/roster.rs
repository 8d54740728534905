//! The programs, and their annotated functions: large ones, and the small ones that are called
//! most.

/// A real program, its task, and its annotated functions.
pub(crate) struct Program {
    /// Its name here.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    pub(crate) binary: &'static str,
    /// The package's features, if not the default ones.
    pub(crate) features: Option<&'static str>,
    /// The source of that binary, if the package is a library.
    pub(crate) driver: Option<&'static str>,
    pub(crate) input: Input,
    pub(crate) arguments: &'static [&'static str],
    /// Shares are relative to this function's time. It contains no waiting and almost no system
    /// calls, which callgrind does not see.
    pub(crate) root: &'static str,
    /// Files, and the functions annotated in each: `function` or `Type::function`.
    pub(crate) annotated: &'static [(&'static str, &'static [&'static str])],
}

/// The input of a program, created by [`crate::input`].
#[derive(Clone, Copy)]
pub(crate) enum Input {
    /// A table of 7 columns: its path is the last argument.
    Csv { rows: u32 },
    /// Sources, of every third library that the programs depend on: folders, the last arguments.
    Folders,
    /// README files of these libraries, several times: a file that lists them is the last argument.
    Markdown,
    /// Python's standard library: a file that lists its files is the last argument.
    Python,
    /// A picture: its path is the last argument.
    Png,
}

pub(crate) const PROGRAMS: [Program; 6] =
    [XSV_STATS, TOKEI, PULLDOWN_CMARK, RUSTPYTHON_PARSER, OXIPNG, XSV_SORT];

const XSV_STATS: Program = Program {
    name: "xsv-stats",
    package: "xsv",
    version: "0.13.0",
    binary: "xsv",
    features: None,
    driver: None,
    input: Input::Csv { rows: 500_000 },
    arguments: &["stats"],
    root: "Args::compute",
    annotated: &[
        ("src/main.rs", &["Command::run"]),
        (
            "src/cmd/stats.rs",
            &[
                "run",
                "Args::sequential_stats",
                "Args::stats_to_records",
                "Args::compute",
                "Args::new_stats",
                "Stats::new",
                "Stats::add",
                "Stats::to_record",
                "FieldType::from_sample",
                "FieldType::merge",
                "FieldType::is_null",
                "TypedSum::add",
                "TypedMinMax::add",
                "from_bytes",
            ],
        ),
        ("src/config.rs", &["Config::new", "Config::indexed", "Config::from_reader"]),
        ("src/select.rs", &["Selection::select", "get_field"]),
    ],
};

const XSV_SORT: Program = Program {
    name: "xsv-sort",
    package: "xsv",
    version: "0.13.0",
    binary: "xsv",
    features: None,
    driver: None,
    input: Input::Csv { rows: 150_000 },
    arguments: &["sort", "--numeric", "--select", "amount"],
    root: "sort::run",
    annotated: &[
        ("src/main.rs", &["Command::run"]),
        ("src/cmd/sort.rs", &["run", "iter_cmp_num", "compare_num", "compare_float", "next_num"]),
        (
            "src/config.rs",
            &["Config::new", "Config::from_reader", "Config::writer", "Config::from_writer"],
        ),
        ("src/select.rs", &["Selection::select", "get_field"]),
    ],
};

const TOKEI: Program = Program {
    name: "tokei",
    package: "tokei",
    version: "15.0.0",
    binary: "tokei",
    features: None,
    driver: None,
    input: Input::Folders,
    arguments: &[],
    root: "LanguageType::parse_from_slice",
    annotated: &[
        ("src/main.rs", &["main"]),
        ("src/utils/fs.rs", &["get_all_files", "get_extension", "get_filename"]),
        (
            "src/language/language_type.rs",
            &["LanguageType::parse", "LanguageType::parse_from_slice", "LanguageType::parse_lines"],
        ),
        ("src/language/languages.rs", &["Languages::get_statistics", "Languages::total"]),
        ("src/language/mod.rs", &["Language::add_report", "Language::total"]),
        (
            "src/language/syntax.rs",
            &[
                "SyntaxCounter::new",
                "SyntaxCounter::is_plain_mode",
                "SyntaxCounter::parse_line_comment",
                "SyntaxCounter::try_perform_single_line_analysis",
                "SyntaxCounter::perform_multi_line_analysis",
                "SyntaxCounter::line_is_comment",
                "SyntaxCounter::parse_quote",
                "SyntaxCounter::parse_end_of_quote",
                "SyntaxCounter::parse_multi_line_comment",
                "SyntaxCounter::parse_end_of_multi_line",
                "SharedMatchers::new",
            ],
        ),
        (
            "src/utils/ext.rs",
            &[
                "u8::is_whitespace",
                "u8::is_line_ending_whitespace",
                "[u8]::trim_first_and_last_line_of_whitespace",
                "[u8]::trim_start",
                "[u8]::trim",
                "[u8]::contains_slice",
            ],
        ),
        ("src/stats.rs", &["CodeStats::new"]),
    ],
};

const PULLDOWN_CMARK: Program = Program {
    name: "pulldown-cmark",
    package: "pulldown-cmark",
    version: "0.13.6",
    binary: "convert-all",
    features: None,
    driver: Some(CONVERT_ALL),
    input: Input::Markdown,
    arguments: &[],
    root: "convert_all::convert",
    annotated: &[
        (
            "src/firstpass.rs",
            &[
                "run_first_pass",
                "FirstPass::run",
                "FirstPass::parse_block",
                "FirstPass::parse_paragraph",
                "FirstPass::parse_line",
                "FirstPass::parse_table",
                "FirstPass::parse_fenced_code_block",
                "FirstPass::append_code_text",
                "scan_paragraph_interrupt_no_table",
                "delim_run_can_open",
                "delim_run_can_close",
            ],
        ),
        (
            "src/parse.rs",
            &[
                "Parser::handle_inline",
                "Parser::handle_inline_pass1",
                "Parser::handle_emphasis_and_hard_break",
                "scan_containers",
                "Tree::append_text",
                "item_to_event",
                "Parser::next",
            ],
        ),
        (
            "src/scanners.rs",
            &[
                "LineStart::scan_space_inner",
                "LineStart::scan_all_space",
                "LineStart::is_at_eol",
                "LineStart::scan_ch",
                "is_ascii_whitespace",
                "scan_ch",
                "scan_ch_repeat",
                "scan_eol",
                "scan_blank_line",
                "scan_hrule",
                "scan_listitem",
                "scan_entity",
            ],
        ),
        (
            "src/html.rs",
            &[
                "HtmlWriter::run",
                "HtmlWriter::write",
                "HtmlWriter::write_newline",
                "HtmlWriter::start_tag",
                "HtmlWriter::end_tag",
            ],
        ),
        ("src/tree.rs", &["Tree::append", "Tree::push", "Tree::pop", "Tree::next_sibling"]),
    ],
};

const RUSTPYTHON_PARSER: Program = Program {
    name: "rustpython-parser",
    package: "rustpython-parser",
    version: "0.4.0",
    binary: "parse-all",
    features: None,
    driver: Some(PARSE_ALL),
    input: Input::Python,
    arguments: &[],
    root: "parser::parse_filtered_tokens",
    annotated: &[
        ("src/parser.rs", &["Suite::parse_tokens", "parse_filtered_tokens", "optional_range"]),
        (
            "src/lexer.rs",
            &[
                "Indentations::is_empty",
                "Indentations::current",
                "CharWindow::slide",
                "Lexer::lex_identifier",
                "Lexer::lex_number",
                "Lexer::lex_normal_number",
                "Lexer::radix_run",
                "Lexer::take_number",
                "Lexer::is_digit_of_radix",
                "Lexer::lex_comment",
                "Lexer::lex_string",
                "Lexer::is_identifier_start",
                "Lexer::is_identifier_continuation",
                "Lexer::inner_next",
                "Lexer::eat_indentation",
                "Lexer::handle_indentations",
                "Lexer::consume_normal",
                "Lexer::consume_character",
                "Lexer::eat_single_char",
                "Lexer::next_char",
                "Lexer::get_pos",
                "Lexer::emit",
                "Lexer::next",
            ],
        ),
        ("src/soft_keywords.rs", &["SoftKeywordTransformer::next"]),
        (
            "src/string.rs",
            &[
                "StringParser::next_char",
                "StringParser::peek",
                "StringParser::parse_fstring",
                "StringParser::parse_string",
                "StringParser::parse",
                "parse_strings",
            ],
        ),
        ("src/function.rs", &["validate_arguments", "parse_args"]),
        ("src/context.rs", &["set_context"]),
    ],
};

/// Replaces the package's own program, which converts one document. One large enough to be measured
/// spends about half of its time in page faults, which varies from run to run.
const CONVERT_ALL: &str = r#"//! Converts each file that the file in the argument names.

use pulldown_cmark::{Options, Parser, html};

fn main() {
    let list = std::env::args().nth(1).expect("a file that lists files");
    let list = std::fs::read_to_string(list).expect("read the list");
    let mut page = String::new();
    for path in list.lines() {
        let document = std::fs::read_to_string(path).expect("read a listed file");
        page.clear();
        convert(&document, &mut page);
    }
    println!("{} bytes in the last one", page.len());
}

#[cfg_attr(feature = "apart", inline(never))]
#[profile_core::profile]
fn convert(document: &str, page: &mut String) {
    html::push_html(page, Parser::new_ext(document, Options::all()));
}
"#;

const PARSE_ALL: &str = r#"//! Parses each file that the file in the argument names.

use rustpython_parser::{Parse as _, ast};

fn main() {
    let list = std::env::args().nth(1).expect("a file that lists files");
    let list = std::fs::read_to_string(list).expect("read the list");
    let parsed = list.lines().filter(|path| {
        let source = std::fs::read_to_string(path).expect("read a listed file");
        ast::Suite::parse(&source, path).is_ok()
    });
    println!("{} files", parsed.count());
}
"#;

const OXIPNG: Program = Program {
    name: "oxipng",
    package: "oxipng",
    version: "10.2.1",
    binary: "oxipng",
    // Without `parallel`; otherwise threads do all the work, and the root function waits for them.
    features: Some("binary"),
    driver: None,
    input: Input::Png,
    arguments: &["--opt", "4", "--force", "--stdout", "--quiet"],
    root: "optimize_png",
    annotated: &[
        ("src/main.rs", &["process_file"]),
        ("src/lib.rs", &["optimize", "optimize_png", "optimize_raw", "perform_trials"]),
        (
            "src/evaluate.rs",
            &[
                "Evaluator::get_best_candidate",
                "Evaluator::try_image",
                "Evaluator::try_image_with_description",
            ],
        ),
        (
            "src/png/mod.rs",
            &[
                "PngData::from_slice",
                "PngData::output",
                "PngImage::new",
                "PngImage::unfilter_image",
                "PngImage::filter_image",
                "PngImage::scan_lines",
            ],
        ),
        ("src/png/scan_lines.rs", &["ScanLines::next", "ScanLineRanges::next"]),
        (
            "src/filters/mod.rs",
            &["RowFilter::filter_line", "RowFilter::unfilter_line", "paeth_predictor"],
        ),
        ("src/deflate/deflater.rs", &["deflate", "inflate", "crc32"]),
        ("src/reduction/mod.rs", &["perform_reductions"]),
    ],
};
