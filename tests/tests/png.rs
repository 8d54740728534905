//! The picture of memory as PNG: decoded and checked, and the messages if it is not available.
//! Programs built without the feature are in `builds.rs`.

#![allow(unsafe_code, reason = "does what safe code of a test cannot")]

use std::fs::{self, File};
use std::ops::Range;
use std::os::fd::FromRawFd;
use std::path::Path;
use std::process::Stdio;
use std::ptr::{null, null_mut};

use tests::{Folder, Program, Run};

fn windows() -> Program {
    Program::new(env!("CARGO_BIN_EXE_windows"), "")
}

/// A program and the path of its picture.
fn writing(program: Program) -> (Program, std::path::PathBuf) {
    let file = program.folder().join("x.png");
    let report = format!("png:{}", file.display());
    (program.env("PROFILE_REPORT", report), file)
}

/// A decoded picture.
struct Picture {
    width: usize,
    height: usize,
    /// Red, green, blue, opacity; line by line.
    pixels: Vec<[u8; 4]>,
}

impl Picture {
    fn read(path: &Path) -> Picture {
        let file = File::open(path).expect("a picture");
        let decoder = png::Decoder::new(std::io::BufReader::new(file));
        let mut reader = decoder.read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("its size")];
        let frame = reader.next_frame(&mut bytes).expect("a whole PNG");
        assert_eq!(
            (frame.color_type, frame.bit_depth),
            (png::ColorType::Rgba, png::BitDepth::Eight)
        );
        let pixels = bytes.chunks_exact(4).map(|it| it.try_into().expect("four bytes")).collect();
        Picture { width: frame.width as usize, height: frame.height as usize, pixels }
    }

    /// The number of matching pixels in a part, given in SVG coordinates, which are half as large.
    fn count(
        &self,
        across: Range<usize>,
        down: Range<usize>,
        is_so: impl Fn([u8; 4]) -> bool,
    ) -> usize {
        let line = |y: usize| &self.pixels[y * self.width..][across.start * 2..across.end * 2];
        let lines = (down.start * 2..down.end * 2).map(line);
        lines.map(|line| line.iter().filter(|pixel| is_so(**pixel)).count()).sum()
    }
}

const WHITE: [u8; 4] = [255; 4];
/// Of words and of the curve.
const INK: [u8; 4] = [0x1f, 0x29, 0x37, 255];
const PEAK: [u8; 4] = [0xd6, 0x27, 0x28, 255];

fn is_dark([red, green, blue, _]: [u8; 4]) -> bool {
    u32::from(red) + u32::from(green) + u32::from(blue) < 384
}

#[test]
fn the_png_has_the_curve_and_the_words_on_white() {
    let (program, file) = writing(windows());
    let run = program.run().successful();
    assert_eq!(run.stderr(), "");
    let picture = Picture::read(&file);
    assert_eq!((picture.width, picture.height), (2360, 960));
    let all = 2360 * 960;
    let white = picture.count(0..1180, 0..480, |pixel| pixel == WHITE);
    assert!(white > all / 2, "{white}");
    for corner in [0, 2359, 959 * 2360, all - 1] {
        assert_eq!(picture.pixels[corner], WHITE);
    }
    // Between the axes there is only the curve, from end to end, so in each third of the width.
    for third in [90..330, 330..580, 580..820] {
        let curve = picture.count(third.clone(), 54..422, |pixel| pixel == INK);
        assert!(curve > 300, "{curve} in {third:?}");
    }
    assert!(picture.count(78..838, 54..422, |pixel| pixel == PEAK) > 500);
    // A bold title, numbers left of the axis, the rotated axis label, the legend. Without fonts,
    // none of them.
    let words = [
        (76..600, 14..36, 1_500),
        (40..70, 52..424, 50),
        (8..24, 52..424, 200),
        (888..1180, 52..120, 500),
    ];
    for (across, down, least) in words {
        let dark = picture.count(across.clone(), down.clone(), is_dark);
        assert!(
            dark > least,
            "{dark} in {across:?}, {down:?}: is there a font, such as fonts-dejavu-core?"
        );
    }
}

/// The one line that a program prints; its status is unchanged.
fn diagnostic(run: Run) -> String {
    let run = run.successful();
    let [diagnostic] = &run.diagnostics()[..] else { panic!("{}", run.stderr()) };
    (*diagnostic).to_owned()
}

#[test]
fn without_fonts_the_png_is_written_and_a_line_reports_missing_text() {
    let (program, file) = writing(windows());
    let fonts = program.folder().join("fonts.conf");
    let none = format!("<fontconfig><dir>{}</dir></fontconfig>", program.folder().display());
    fs::write(&fonts, none).expect("write a file");
    let run = program.env("FONTCONFIG_FILE", fonts).run().successful();
    let picture = Picture::read(&file);
    assert!(picture.count(78..838, 54..422, |pixel| pixel == INK) > 1_500);
    assert_eq!(picture.count(76..600, 14..36, is_dark), 0);
    let message = diagnostic(run);
    assert!(message.contains("x.png lacks its words: no font was found"), "{message}");
}

#[test]
fn a_png_that_cannot_be_written_costs_one_line_and_no_status() {
    let folder = Folder::new();
    let missing = folder.join("no/such/folder/x.png");
    for file in [Path::new("/dev/full"), &missing] {
        let report = format!("png:{}", file.display());
        let message = diagnostic(windows().env("PROFILE_REPORT", report).run());
        assert!(message.contains(&*file.to_string_lossy()), "{message}");
    }
}

#[test]
fn a_stack_too_small_for_drawing_costs_one_line_and_no_status() {
    let program = Program::after("ulimit -s 256", env!("CARGO_BIN_EXE_windows"), "");
    let (program, file) = writing(program);
    let message = diagnostic(program.run());
    assert!(message.contains("x.png") && message.contains("stack"), "{message}");
    assert!(!file.exists());
}

#[test]
fn no_png_goes_to_a_terminal() {
    let [mut ours, mut terminal] = [-1; 2];
    // SAFETY: two numbers to write to.
    let opened = unsafe { libc::openpty(&mut ours, &mut terminal, null_mut(), null(), null()) };
    assert_eq!(opened, 0, "open a terminal");
    // SAFETY: nothing else uses these two descriptors.
    let [mut ours, terminal] = [ours, terminal].map(|it| unsafe { File::from_raw_fd(it) });
    let program = windows().env("PROFILE_REPORT", "png").stdout(Stdio::null()).stderr(terminal);
    program.run_with_streams().successful();
    let mut message = [0; 4096];
    let length = std::io::Read::read(&mut ours, &mut message).expect("a line");
    let message = String::from_utf8_lossy(&message[..length]);
    assert!(message.starts_with("profile: ") && message.contains("name a file"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}
