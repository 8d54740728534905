//! Writes values as JSON, in the layout of `serde_json` with two spaces per level.
//!
//! `serde_json` itself is not used because it implements comparisons of its values with numbers and
//! strings. In every program that links it, `assert_eq!(count, [1u64, 2].into_iter().sum())` no
//! longer determines the type of the sum (E0283). A program must compile with this crate as it does
//! without.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;
use serde::ser::{self, Impossible};

/// Serializes a value on several lines.
///
/// # Errors
/// A key is not a string, or a variant has content.
pub(crate) fn pretty(value: &impl Serialize) -> Result<String, Error> {
    let mut text = String::new();
    value.serialize(Writer { text: &mut text, depth: 0 })?;
    Ok(text)
}

/// A value that has no representation in JSON.
#[derive(Debug)]
pub(crate) struct Error(String);

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: Display>(message: T) -> Error {
        Error(message.to_string())
    }
}

/// The error for a variant with content, which no snapshot has.
fn unsupported_variant(variant: &str) -> Error {
    ser::Error::custom(format!("unsupported variant `{variant}` with content"))
}

type Written = Result<(), Error>;

/// Writes one value.
struct Writer<'a> {
    text: &'a mut String,
    depth: usize,
}

impl<'a> Writer<'a> {
    fn plain(self, word: impl Display) -> Written {
        let _ = write!(self.text, "{word}");
        Ok(())
    }

    fn begin(self, open: &str, close: &'static str) -> Parts<'a> {
        self.text.push_str(open);
        Parts { text: self.text, depth: self.depth + 1, is_empty: true, close }
    }
}

/// Writes the parts of a list or an object.
struct Parts<'a> {
    text: &'a mut String,
    depth: usize,
    is_empty: bool,
    close: &'static str,
}

impl Parts<'_> {
    fn line(&mut self, depth: usize) {
        self.text.push('\n');
        (0..depth).for_each(|_| self.text.push_str("  "));
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.text.push(',');
        }
        self.line(self.depth);
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(Writer { text: self.text, depth: self.depth })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.next();
        self.value(value)
    }

    fn finish(mut self) -> Written {
        if !self.is_empty {
            self.line(self.depth - 1);
        }
        self.text.push_str(self.close);
        Ok(())
    }
}

/// Appends a string in quotes.
pub(crate) fn quote(to: &mut String, text: &str) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\u{8}' => to.push_str("\\b"),
            '\u{c}' => to.push_str("\\f"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            ..' ' => drop(write!(to, "\\u{:04x}", u32::from(character))),
            _ => to.push(character),
        }
    }
    to.push('"');
}

/// Appends the shortest digits that parse as this number, or `null` if it is not finite.
fn number(to: &mut String, number: f64) {
    if !number.is_finite() {
        return to.push_str("null");
    }
    // Rust omits the exponent of all but the largest and smallest numbers, and a single zero after
    // the point.
    let magnitude = number.abs();
    let is_long = magnitude != 0.0 && !(1e-5..1e16).contains(&magnitude);
    let _ = match is_long {
        true if magnitude < 1.0 => write!(to, "{number:e}"),
        true => write!(to, "{}", format!("{number:e}").replace('e', "e+")),
        false if number.fract() == 0.0 => write!(to, "{number}.0"),
        false => write!(to, "{number}"),
    };
}

macro_rules! plain {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, value: $type) -> Written {
            self.plain(value)
        })*
    };
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Impossible<(), Error>;

    plain!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    plain!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_f32(self, value: f32) -> Written {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Written {
        number(self.text, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written {
        quote(self.text, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        value.serialize(self)
    }

    fn serialize_none(self) -> Written {
        self.plain("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.plain("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.plain("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Written {
        Err(unsupported_variant(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        Ok(self.begin("[", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Error> {
        Ok(self.begin("[", "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Error> {
        Ok(self.begin("[", "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        Err(unsupported_variant(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        Ok(self.begin("{", "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Error> {
        Ok(self.begin("{", "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        Err(unsupported_variant(variant))
    }
}

/// Lists, for each of serde's names for them.
macro_rules! list {
    ($($trait:ident $method:ident),*) => {
        $(impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.element(value)
            }

            fn end(self) -> Written {
                self.finish()
            }
        })*
    };
}

list!(SerializeSeq serialize_element, SerializeTuple serialize_element);
list!(SerializeTupleStruct serialize_field);

impl ser::SerializeStruct for Parts<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        self.next();
        quote(self.text, name);
        self.text.push_str(": ");
        self.value(value)
    }

    fn end(self) -> Written {
        self.finish()
    }
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.next();
        let start = self.text.len();
        self.value(key)?;
        if !self.text[start..].starts_with('"') {
            return Err(ser::Error::custom("expected a string as key"));
        }
        self.text.push_str(": ");
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.value(value)
    }

    fn end(self) -> Written {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        TwoWords,
    }

    #[derive(Serialize)]
    struct Whole<'a>(&'a str, Option<f32>, ());

    #[derive(Serialize)]
    struct Everything<'a> {
        none: Option<u8>,
        some: Option<bool>,
        empty: [u8; 0],
        nothing: BTreeMap<String, u8>,
        nested: Vec<Vec<i64>>,
        pairs: [(u64, f64); 2],
        map: BTreeMap<&'a str, Whole<'a>>,
        word: Word,
        letter: char,
    }

    #[test]
    fn output_equals_that_of_serde_json() {
        let control: String = ('\0'..='\u{a0}').chain("\u{2028}é😀".chars()).collect();
        let value = Everything {
            none: None,
            some: Some(true),
            empty: [],
            nothing: BTreeMap::new(),
            nested: vec![vec![], vec![i64::MIN, 0, i64::MAX]],
            pairs: [(u64::MAX, f64::NAN), (0, 0.1)],
            map: [(&*control, Whole("a", Some(0.5), ())), ("b", Whole("", None, ()))].into(),
            word: Word::TwoWords,
            letter: '"',
        };
        let theirs = serde_json::to_string_pretty(&value).expect("it is JSON");
        assert_eq!(pretty(&value).expect("it is JSON"), theirs);
        assert!(pretty(&BTreeMap::from([(1, 2)])).is_err());
    }

    #[test]
    fn numbers_have_the_same_digits_as_with_serde_json() {
        let edges = [0.0, -0.0, 1e15, 1e16, 1.5e16, 123_456_789_012_345_680.0, 1e-4, 1e-5, 9.9e-6];
        let limits = [f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::EPSILON, f64::INFINITY, f64::NAN];
        let mut random = fastrand::Rng::with_seed(1);
        let any = (0..20_000).map(|_| f64::from_bits(random.u64(..)));
        let mut random = fastrand::Rng::with_seed(2);
        let usual = (0..20_000).map(|_| (random.f64() - 0.5) * 10f64.powi(random.i32(-8..20)));
        for value in edges.into_iter().chain(limits).chain(any).chain(usual) {
            let theirs = serde_json::to_string(&value).expect("it is JSON");
            let mut ours = String::new();
            number(&mut ours, value);
            // If the number is halfway between two such texts, serde_json chooses the even one.
            let is_same = ours.len() == theirs.len() && ours.parse() == theirs.parse::<f64>();
            assert!(ours == theirs || is_same, "{ours} and {theirs}");
        }
    }
}
