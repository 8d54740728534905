//! The picture as PNG: the SVG, drawn by resvg at twice its size. Two pictures made apart would come to differ.

use std::io;

use crate::snapshot::Snapshot;

/// # Errors
/// The writer's; or why the picture could not be made, or only without its words.
#[cfg(feature = "png")]
pub(crate) fn write(snapshot: &Snapshot, to: &mut dyn io::Write) -> io::Result<()> {
    let mut svg = Vec::new();
    super::plot::svg(snapshot, &mut svg)?;
    let fonts = fonts();
    let has_font = !fonts.is_empty();
    // This may run where unwinding would end the process.
    let draw = std::panic::AssertUnwindSafe(move || draw(&svg, fonts));
    let drawn = std::panic::catch_unwind(draw);
    let png =
        drawn.unwrap_or_else(|_| Err("resvg panicked".to_owned())).map_err(io::Error::other)?;
    to.write_all(&png)?;
    if has_font {
        return Ok(());
    }
    Err(io::Error::other("only without its words: this system has no font"))
}

/// # Errors
/// Always.
#[cfg(not(feature = "png"))]
pub(crate) fn write(_: &Snapshot, _: &mut dyn io::Write) -> io::Result<()> {
    let why = "png: not available: built without the feature `png` of profile-core";
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}

/// Those of the system. The picture asks for a sans-serif one by names that many systems have; where none of them is
/// there, any font shows the words.
#[cfg(feature = "png")]
fn fonts() -> resvg::usvg::fontdb::Database {
    let mut fonts = resvg::usvg::fontdb::Database::new();
    fonts.load_system_fonts();
    let families = |wanted: &dyn Fn(&str) -> bool| {
        let names = fonts.faces().flat_map(|face| &face.families);
        names.map(|(name, _)| name.clone()).find(|name| wanted(name))
    };
    let plain = families(&|name| name == "DejaVu Sans" || name == "Arial");
    let sans =
        plain.or_else(|| families(&|name| name.contains("Sans"))).or_else(|| families(&|_| true));
    if let Some(sans) = sans {
        fonts.set_sans_serif_family(sans);
    }
    fonts
}

#[cfg(feature = "png")]
fn draw(svg: &[u8], fonts: resvg::usvg::fontdb::Database) -> Result<Vec<u8>, String> {
    use resvg::{tiny_skia, usvg};
    const SCALE: f32 = 2.0;
    let options = usvg::Options { fontdb: std::sync::Arc::new(fonts), ..usvg::Options::default() };
    let tree = usvg::Tree::from_data(svg, &options).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or("a picture without size")?;
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).ok_or("no memory for the picture")?;
    let scale = tiny_skia::Transform::from_scale(SCALE, SCALE);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}
