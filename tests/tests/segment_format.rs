//! docs/segment-format.md against the file of a program, which is read by the page alone, without
//! the crate's own reader.

use std::collections::HashMap;

use tests::{Program, sources};

/// Numbers of the first words, by record and field, and the version, as the page has them.
struct Page {
    words: HashMap<(String, String), usize>,
    version: u64,
}

impl Page {
    fn read() -> Page {
        let file = sources().parent().expect("the workspace").join("docs/segment-format.md");
        let text = std::fs::read_to_string(file).expect("the page");
        let (mut words, mut record, mut version) = (HashMap::new(), String::new(), 0);
        for line in text.lines() {
            if let Some((_, number)) = line.split_once("format, version ") {
                version = number.parse().expect("a number");
            } else if let Some(name) = line.strip_prefix("## ") {
                name.clone_into(&mut record);
            } else if let Some(row) = line.strip_prefix("| ") {
                let mut cells = row.split(" | ");
                let number = cells.next().and_then(|it| it.split(' ').next()?.parse().ok());
                let field = cells.next().map(|it| it.trim_matches('`').to_owned());
                if let (Some(number), Some(field)) = (number, field) {
                    words.insert((record.clone(), field), number);
                }
            }
        }
        Page { words, version }
    }

    fn word(&self, record: &str, field: &str) -> usize {
        let key = (record.to_owned(), field.to_owned());
        *self.words.get(&key).unwrap_or_else(|| panic!("{record}.{field} is not on the page"))
    }
}

/// A segment's words, and the page.
struct Segment {
    words: Vec<u64>,
    page: Page,
}

impl Segment {
    /// Fields of the record that begins at a word.
    fn field(&self, start: usize, record: &str, field: &str) -> u64 {
        self.words[start + self.page.word(record, field)]
    }

    fn header(&self, field: &str) -> u64 {
        self.field(0, "Header", field)
    }

    /// The word to which a link points; 0: no link.
    fn target(&self, link: u64) -> usize {
        if link == 0 { 0 } else { (link - self.header("base")) as usize / 8 }
    }

    fn text(&self, link: u64) -> String {
        let start = self.target(link);
        let bytes: Vec<u8> =
            self.words[start + 1..].iter().flat_map(|it| it.to_le_bytes()).collect();
        String::from_utf8(bytes[..self.words[start] as usize].to_vec()).expect("text")
    }

    /// The first words of the records of a list.
    fn list(&self, first: u64, record: &str) -> Vec<usize> {
        let mut found = vec![self.target(first)];
        while let Some(last) = found.last().copied().filter(|last| *last != 0) {
            found.push(self.target(self.field(last, record, "next")));
        }
        found.pop();
        found
    }
}

#[test]
fn the_fields_on_the_page_are_at_the_documented_words_of_a_file() {
    let program = Program::new(env!("CARGO_BIN_EXE_lined"), "work").recording_into_files();
    let run = program.run().successful();
    let [file] = &run.folder.segment_files()[..] else { panic!("one segment") };
    let bytes = std::fs::read(file).expect("the segment");
    let words = bytes.chunks_exact(8).map(|it| u64::from_le_bytes(it.try_into().expect("eight")));
    let segment = Segment { words: words.collect(), page: Page::read() };
    let report = run.report();

    assert_eq!(segment.header("magic").to_le_bytes(), *b"PROFSEG1");
    assert_eq!(segment.header("version"), segment.page.version);
    assert_eq!(segment.header("process_id"), u64::from(report.process.process_id));
    assert_eq!(segment.header("started_unix_ns"), report.process.started_unix_ns);
    assert_eq!(segment.header("committed_bytes"), bytes.len() as u64);
    assert!(segment.header("used_bytes") <= segment.header("committed_bytes"));
    assert_eq!(segment.text(segment.header("program")), report.process.program);
    assert_eq!(segment.header("debug_assertions") == 1, report.process.debug_assertions);
    assert_eq!(segment.header("cores"), report.process.logical_cores as u64);

    let sites = segment.list(segment.header("first_site"), "SiteRecord");
    let path = |site: usize| segment.text(segment.field(site, "SiteRecord", "path"));
    let by_address = |address: u64| {
        let mut sites = sites.iter().copied();
        sites.find(|site| segment.field(*site, "SiteRecord", "site") == address)
    };
    let mut found = HashMap::new();
    for block in segment.list(segment.header("first_block"), "ThreadBlock") {
        for edge in segment.list(segment.field(block, "ThreadBlock", "first_edge"), "Edge") {
            if let Some(site) = by_address(segment.field(edge, "Edge", "site")) {
                let calls = found.entry(path(site)).or_insert(0);
                let ended = |which| segment.field(edge, "Edge", which);
                *calls += ended("pushed") + ended("untimed");
            }
        }
    }
    assert!(!report.functions.is_empty());
    for function in &report.functions {
        assert_eq!(found.get(&function.path), Some(&function.calls), "{found:?}");
    }
}
