//! Generates docs/segment-format.md: the description at the top of `layout`, and a table of each
//! record.

use std::fmt::Write as _;
use std::path::Path;

use super::layout::*;

const SOURCE: &str = include_str!("layout.rs");

const RECORDS: &[Layout] = &[
    header::LAYOUT,
    site_record::LAYOUT,
    held::LAYOUT,
    window::LAYOUT,
    thread_block::LAYOUT,
    page_links::LAYOUT,
    split::LAYOUT,
    frame::LAYOUT,
    edge::LAYOUT,
    path_extras::LAYOUT,
    tally::LAYOUT,
    extras::LAYOUT,
    pacing::LAYOUT,
    heap_tally::LAYOUT,
    return_tally::LAYOUT,
    call_list::LAYOUT,
    call_record::LAYOUT,
    size_tally::LAYOUT,
    line_tally::LAYOUT,
    line_counts::LAYOUT,
    polled::LAYOUT,
    histogram_root::LAYOUT,
    histogram_node::LAYOUT,
    carry::LAYOUT,
];

fn page() -> String {
    let top = SOURCE.lines().take_while(|line| line.starts_with("//!"));
    let text = |line: &'static str| line.strip_prefix("//! ").unwrap_or("");
    let top: Vec<&str> = top.map(text).collect();
    let mut page = format!(
        "# The segment's format, version {VERSION}\n\n\
         Generated from `profile-core/src/segment/layout.rs`; `PROFILE_BLESS=1 cargo test -p profile-core --lib \
         segment::format_page`\nwrites it.\n\n{}\n",
        plain(&top.join("\n"))
    );
    RECORDS.iter().for_each(|record| section(record, &mut page));
    page
}

fn section(record: &Layout, page: &mut String) {
    let Layout { name, description, words, fields } = record;
    let _ = write!(
        page,
        "\n## {name}\n\n{} {words} words.\n\n| word | field | kind | what |\n|---:|---|---|---|\n",
        plain(description.trim())
    );
    for Field { name, kind, description, first, words } in *fields {
        let number = match words {
            1 => first.to_string(),
            _ => format!("{first} to {}", first + words - 1),
        };
        let what = plain(description.trim()).replace('|', "\\|");
        let _ = writeln!(page, "| {number} | `{name}` | `{kind}` | {what} |");
    }
}

/// Removes the links of rustdoc, which have no target on the page.
fn plain(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`")
}

#[test]
fn every_record_is_on_the_page_and_has_no_gaps() {
    assert_eq!(SOURCE.matches("\nrecord! {\n").count(), RECORDS.len());
    for Layout { name, words, fields, .. } in RECORDS {
        let mut next = 0;
        for field in *fields {
            // A record within another one begins at a multiple of 64 bytes.
            let gap = field.first - next;
            assert!(gap == 0 || gap < 8 && field.first % 8 == 0, "{name}: {}", field.name);
            next = field.first + field.words;
        }
        // Records are padded to 64 bytes.
        assert!(words - next < 8, "{name}: {words} words, fields of {next}");
    }
}

#[test]
fn the_page_matches_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/segment-format.md");
    if crate::settings::is_blessing() {
        std::fs::write(&file, page()).expect("write the page");
    }
    // A published package does not contain that folder.
    let Ok(found) = std::fs::read_to_string(&file) else { return };
    assert!(found == page(), "docs/segment-format.md is out of date; PROFILE_BLESS=1 writes it");
}
