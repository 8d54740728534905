//! Numbers in memory that processes share.
//!
//! Each number is an atomic word, so no process ever sees half of one, and there is no lock that a
//! killed process could leave locked. Python protects its values by a lock; [`Value::update`] does
//! what `with value.get_lock()` is for.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::*};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::queue::{receive_descriptor, send_descriptor};
use super::system::Words;

mod sealed {
    pub trait Sealed {}
}

/// A number that fits into a word: integers up to 64 bits, floating point numbers, `bool`.
pub trait Number: Copy + sealed::Sealed {
    #[doc(hidden)]
    fn to_word(self) -> u64;
    #[doc(hidden)]
    fn from_word(word: u64) -> Self;
}

macro_rules! numbers {
    ($($number:ty: $to:expr, $from:expr;)*) => {$(
        impl sealed::Sealed for $number {}
        impl Number for $number {
            fn to_word(self) -> u64 {
                let to: fn($number) -> u64 = $to;
                to(self)
            }
            fn from_word(word: u64) -> $number {
                let from: fn(u64) -> $number = $from;
                from(word)
            }
        }
    )*};
}

numbers! {
    u8: u64::from, |word| word as u8;
    u16: u64::from, |word| word as u16;
    u32: u64::from, |word| word as u32;
    u64: |it| it, |word| word;
    usize: |it| it as u64, |word| word as usize;
    i8: |it| it as u64, |word| word as i8;
    i16: |it| it as u64, |word| word as i16;
    i32: |it| it as u64, |word| word as i32;
    i64: |it| it as u64, |word| word as i64;
    isize: |it| it as u64, |word| word as isize;
    f32: |it| u64::from(it.to_bits()), |word| f32::from_bits(word as u32);
    f64: f64::to_bits, f64::from_bits;
    bool: u64::from, |word| word != 0;
}

/// Numbers that processes share. Clones are the same numbers, and so is what a task gets as its
/// input.
///
/// ```
/// use profile_core::workers::Array;
///
/// let array = Array::new(3, 0.5)?;
/// array.set(1, 2.0);
/// assert_eq!(array.to_vec(), [0.5, 2.0, 0.5]);
/// assert_eq!(array.update(2, |number| number + 1.0), 1.5);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Array<T> {
    words: Arc<Words>,
    _numbers: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Array<T> {
    fn clone(&self) -> Array<T> {
        Array { words: self.words.clone(), _numbers: PhantomData }
    }
}

/// The first word is the length; the others are numbers.
const HEADER: usize = 1;

impl<T: Number> Array<T> {
    /// Creates an array of `length` copies of `number`.
    ///
    /// # Errors
    /// There is not enough memory, or the system is not supported.
    pub fn new(length: usize, number: T) -> io::Result<Array<T>> {
        let words = Words::new(length.saturating_add(HEADER))?;
        words.words()[0].store(length as u64, Relaxed);
        for word in &words.words()[HEADER..] {
            word.store(number.to_word(), Release);
        }
        Ok(Array { words: Arc::new(words), _numbers: PhantomData })
    }

    fn numbers(&self) -> &[AtomicU64] {
        let words = self.words.words();
        let length = words[0].load(Relaxed) as usize;
        &words[HEADER..][..length.min(words.len() - HEADER)]
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at this index.
    ///
    /// # Panics
    /// The index is not below the length.
    #[must_use]
    pub fn get(&self, index: usize) -> T {
        T::from_word(self.numbers()[index].load(Acquire))
    }

    /// Replaces the number at this index.
    ///
    /// # Panics
    /// The index is not below the length.
    pub fn set(&self, index: usize, number: T) {
        self.numbers()[index].store(number.to_word(), Release);
    }

    /// Changes the number at this index, and returns the new one. No other process changes it
    /// meanwhile: if one does, `change` is called again.
    ///
    /// # Panics
    /// The index is not below the length.
    pub fn update(&self, index: usize, mut change: impl FnMut(T) -> T) -> T {
        let number = &self.numbers()[index];
        let mut before = number.load(Acquire);
        loop {
            let after = change(T::from_word(before));
            match number.compare_exchange_weak(before, after.to_word(), AcqRel, Acquire) {
                Ok(_) => return after,
                Err(found) => before = found,
            }
        }
    }

    /// All numbers. Others may change some while they are read.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.numbers().iter().map(|word| T::from_word(word.load(Acquire))).collect()
    }
}

impl<T: Number + fmt::Debug> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_vec().fmt(f)
    }
}

impl<T> Serialize for Array<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        send_descriptor(self.words.descriptor(), serializer)
    }
}

impl<'de, T> Deserialize<'de> for Array<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Array<T>, D::Error> {
        let words = Words::from_descriptor(receive_descriptor(deserializer)?);
        let words = Arc::new(words.map_err(D::Error::custom)?);
        Ok(Array { words, _numbers: PhantomData })
    }
}

/// A number that processes share. Clones are the same number, and so is what a task gets as its
/// input.
///
/// ```
/// use profile_core::workers::Value;
///
/// let value = Value::new(1_u32)?;
/// assert_eq!(value.update(|number| number + 1), 2);
/// assert_eq!(value.get(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Value<T>(Array<T>);

impl<T> Clone for Value<T> {
    fn clone(&self) -> Value<T> {
        Value(self.0.clone())
    }
}

impl<T: Number> Value<T> {
    /// Creates a shared number with this value.
    ///
    /// # Errors
    /// There is not enough memory, or the system is not supported.
    pub fn new(number: T) -> io::Result<Value<T>> {
        Array::new(1, number).map(Value)
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> T {
        self.0.get(0)
    }

    /// Replaces it.
    pub fn set(&self, number: T) {
        self.0.set(0, number);
    }

    /// Changes it, and returns the new one. No other process changes it meanwhile: if one does,
    /// `change` is called again.
    pub fn update(&self, change: impl FnMut(T) -> T) -> T {
        self.0.update(0, change)
    }
}

impl<T: Number + fmt::Debug> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
