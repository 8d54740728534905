//! Renders the SVG as PNG, so that there is only one implementation of the picture.
//!
//! Text uses the fonts of this machine: an SVG leaves them to the viewer, a PNG needs them.

use std::io;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, FaceInfo, Family, Query, Style, Weight};
use resvg::usvg::{Options, Tree};

use super::super::canvas::{HEIGHT, WIDTH};
use super::super::format::Incomplete;
use super::super::plot;
use crate::snapshot::Snapshot;

/// Pixels per unit of the SVG: text of 12 pixels is hard to read on a high-resolution screen.
const SCALE: f64 = 2.0;

/// What a picture lacks if there is no font.
const WORDS: &str = "its words: no font was found for them; install one, such as DejaVu Sans";

/// Writes the picture, without text if there is no font.
pub(super) fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let drawing = drawing(snapshot, fonts())?;
    to.write_all(&encoded(&drawing)?)?;
    // Text for which there is no font is silently left out, and every picture has at least a title.
    if drawing.has_text_nodes() { Ok(()) } else { Err(Incomplete(WORDS).into()) }
}

/// The parsed SVG, with text converted to outlines.
fn drawing(snapshot: &Snapshot, fonts: Database) -> io::Result<Tree> {
    let mut svg = Vec::new();
    plot::svg(snapshot, &mut svg)?;
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    Tree::from_data(&svg, &options).map_err(io::Error::other)
}

/// The PNG file.
fn encoded(drawing: &Tree) -> io::Result<Vec<u8>> {
    let [width, height] = [WIDTH, HEIGHT].map(|length| (length * SCALE) as u32);
    let mut pixels = Pixmap::new(width, height).ok_or(io::ErrorKind::OutOfMemory)?;
    let scale = SCALE as f32;
    resvg::render(drawing, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(io::Error::other)
}

/// The fonts of this machine.
fn fonts() -> Database {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    ensure_sans_serif(&mut fonts);
    fonts
}

/// Maps `sans-serif` to an installed family: the one that fontconfig or fontdb (Arial) chooses is
/// often not installed.
fn ensure_sans_serif(fonts: &mut Database) {
    let families = &[Family::SansSerif];
    if fonts.query(&Query { families, ..Default::default() }).is_some() {
        return;
    }
    let oddity = |face: &&FaceInfo| {
        let slanted = face.style != Style::Normal;
        (face.monospaced, slanted, face.weight.0.abs_diff(Weight::NORMAL.0))
    };
    let plainest = fonts.faces().min_by_key(oddity);
    if let Some((family, _)) = plainest.and_then(|face| face.families.first().cloned()) {
        fonts.set_sans_serif_family(family);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;

    fn picture(snapshot: &Snapshot, fonts: Database) -> Pixmap {
        let drawing = drawing(snapshot, fonts).expect("our own SVG");
        Pixmap::decode_png(&encoded(&drawing).expect("a picture")).expect("a PNG")
    }

    fn dark_pixels(picture: &Pixmap) -> usize {
        picture.pixels().iter().filter(|pixel| pixel.red() < 100).count()
    }

    #[test]
    fn any_snapshot_can_be_drawn_and_has_words() {
        let fonts = fonts();
        let hostile = samples::HOSTILE.iter().map(|name| samples::named(name));
        let others = [samples::extreme(), samples::zero(), Snapshot::default()];
        for snapshot in hostile.chain(others) {
            let drawing = drawing(&snapshot, fonts.clone()).expect("our own SVG");
            assert!(drawing.has_text_nodes(), "no font here, such as fonts-dejavu-core");
        }
        // The one with the largest numbers, since rendering takes a second in a debug build.
        picture(&samples::extreme(), fonts);
    }

    #[test]
    fn without_fonts_the_picture_lacks_its_text() {
        let wordless = drawing(&samples::ordinary(), Database::new()).expect("our own SVG");
        assert!(!wordless.has_text_nodes());
        let [wordless, whole] =
            [Database::new(), fonts()].map(|fonts| picture(&samples::ordinary(), fonts));
        assert_eq!((wordless.width(), wordless.height()), (2360, 960));
        assert!(dark_pixels(&wordless) > 1_000);
        assert!(dark_pixels(&whole) > dark_pixels(&wordless) + 1_000);
    }

    #[test]
    fn sans_serif_is_an_installed_family() {
        let mut fonts = fonts();
        fonts.set_sans_serif_family("no such family");
        ensure_sans_serif(&mut fonts);
        let name = fonts.family_name(&Family::SansSerif);
        assert!(fonts.faces().any(|face| face.families.iter().any(|(family, _)| family == name)));
    }
}
