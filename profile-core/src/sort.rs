//! Sorts a few rows without instantiating the standard library's sort for each kind of row. Forty
//! such instances accounted for a fifth of this crate's compile time, and of its code in a debug
//! build.

use std::cmp::Ordering;

/// Sorts stably.
pub(crate) fn by<T>(rows: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut order = order(rows.len(), &|a, b| compare(&rows[a], &rows[b]));
    for start in 0..order.len() {
        // Follow the cycle of rows that replace one another.
        let mut index = start;
        while order[index] != start {
            let from = std::mem::replace(&mut order[index], index);
            rows.swap(index, from);
            index = from;
        }
        order[index] = index;
    }
}

/// Sorts stably by a key, smallest first.
#[cfg(feature = "profile")]
pub(crate) fn by_key<T, K: Ord>(rows: &mut [T], key: impl Fn(&T) -> K) {
    by(rows, |a, b| key(a).cmp(&key(b)));
}

fn order(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_are_sorted_as_the_standard_library_sorts_them() {
        let mut random = fastrand::Rng::with_seed(3);
        for length in 0..200 {
            let mut rows: Vec<(u8, usize)> =
                (0..length).map(|index| (random.u8(..20), index)).collect();
            let mut expected = rows.clone();
            expected.sort_by_key(|row| row.0);
            super::by_key(&mut rows, |row| row.0);
            assert_eq!(rows, expected);
        }
    }
}
