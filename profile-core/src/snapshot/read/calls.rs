//! Reads the single calls that were stored with their context.

use super::Reading;
use super::sums::Keyed;
use crate::segment::layout::{
    CALL_TEXT, CALLS, CallRecord, call_list, call_record, edge, header, site_record,
};
use crate::segment::reader::Record;
use crate::snapshot::Call;

impl<'a> Reading<'a> {
    /// Adds the lists of one thread.
    pub(super) fn calls(&mut self, index: usize, record: &Record<'a>) {
        const EACH: u64 = size_of::<CallRecord>() as u64 / 8;
        const BYTES: usize = 2 * size_of::<Keyed>() + 4 * 8 * CALL_TEXT;
        for number in 0..2 * CALLS as u64 {
            if !(self.view.may_visit(EACH) && self.view.may_keep(BYTES)) {
                return;
            }
            let call = self.call(record, call_list::calls + number * EACH);
            let lists = &mut self.sums[index].calls.get_or_insert_default().0;
            lists[usize::from(number >= CALLS as u64)].extend(call);
        }
    }

    /// `None` if the slot is empty or keeps changing.
    fn call(&self, record: &Record<'a>, first: u64) -> Option<Keyed> {
        const ATTEMPTS: usize = 100;
        let word = |word: u64| record.word(first + word);
        // What is not being written does not change.
        let attempts = if self.view.is_live() { ATTEMPTS } else { 1 };
        (0..attempts).find_map(|_| {
            let version = word(call_record::version);
            let call = (word(call_record::key), self.read_call(&word));
            let is_consistent = version.is_multiple_of(2) && word(call_record::version) == version;
            (is_consistent && version > 0).then_some(call)
        })
    }

    fn read_call(&self, word: &impl Fn(u64) -> u64) -> Call {
        let bytes = |first: u64, words: usize| -> Vec<u8> {
            (0..words as u64).flat_map(|index| word(first + index).to_le_bytes()).collect()
        };
        let mut text = bytes(call_record::text, CALL_TEXT);
        text.truncate(word(call_record::length) as usize);
        let name = bytes(call_record::thread_name, 2);
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let started = word(call_record::started);
        let timed = |ticks: u64| (started != 0).then(|| self.rate.ns(ticks));
        let began = started.saturating_sub(self.view.header(header::first_ticks));
        Call {
            arguments: String::from_utf8_lossy(&text).into_owned(),
            duration_ns: timed(word(call_record::ticks)),
            started_ns: timed(began),
            allocations: word(call_record::allocations),
            allocated_bytes: word(call_record::allocated_bytes),
            caller: self.path_of_edge(word(call_record::caller)),
            thread_id: word(call_record::thread_id),
            thread: String::from_utf8_lossy(name).into_owned(),
        }
    }

    fn path_of_edge(&self, link: u64) -> String {
        let site = self.view.record(link).map_or(0, |record| record.word(edge::site));
        let index = self.by_address.get(&site).copied();
        index.map_or_else(String::new, |index| {
            self.view.text(self.sites[index].word(site_record::path))
        })
    }
}
