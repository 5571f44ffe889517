//! Rows in memory while a batch is folded, so that an aggregate with many events is read and
//! written once.

use std::collections::HashMap;
use std::hash::Hash;

use super::ProjectionError;

/// How many clean rows stay in memory after a commit: enough for the workspaces in motion.
const KEPT: usize = 256;

#[derive(Debug)]
pub(super) struct Cache<K, V> {
    entries: HashMap<K, (V, bool)>,
    dirty: Vec<K>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            dirty: Vec::new(),
        }
    }
}

impl<K: Copy + Eq + Hash + Ord, V: Clone> Cache<K, V> {
    /// The row to change, from `load` when it is not in memory.
    pub(super) fn change(
        &mut self,
        key: K,
        load: impl FnOnce() -> Result<V, ProjectionError>,
    ) -> Result<&mut V, ProjectionError> {
        use std::collections::hash_map::Entry;
        let (value, dirty) = match self.entries.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert((load()?, false)),
        };
        if !*dirty {
            *dirty = true;
            self.dirty.push(key);
        }
        Ok(value)
    }

    /// Writes every changed row, in the order of their keys: pages are touched once.
    pub(super) fn flush(
        &mut self,
        mut store: impl FnMut(&K, &V) -> Result<(), ProjectionError>,
    ) -> Result<(), ProjectionError> {
        self.dirty.sort_unstable();
        for key in self.dirty.drain(..) {
            if let Some((value, dirty)) = self.entries.get_mut(&key) {
                store(&key, value)?;
                *dirty = false;
            }
        }
        if self.entries.len() > KEPT {
            self.entries = HashMap::new();
        }
        Ok(())
    }

    /// Forgets everything, after a transaction that failed.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.dirty.clear();
    }

    /// How many changed rows wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.dirty.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_changed_twice_is_read_once_and_written_once() {
        let mut cache = Cache::<u8, u32>::default();
        for _ in 0..2 {
            *cache.change(1, || Ok(5)).unwrap() += 1;
        }
        let mut written = Vec::new();
        for _ in 0..2 {
            let store = |key: &u8, value: &u32| {
                written.push((*key, *value));
                Ok(())
            };
            cache.flush(store).unwrap();
        }
        assert_eq!(written, [(1, 7)]);
        assert_eq!(*cache.change(1, || panic!("it is in memory")).unwrap(), 7);
    }

    #[test]
    fn what_a_failed_transaction_left_is_forgotten() {
        let mut cache = Cache::<u8, u32>::default();
        *cache.change(1, || Ok(5)).unwrap() += 1;
        cache.clear();
        assert_eq!(cache.waiting(), 0);
        assert_eq!(*cache.change(1, || Ok(5)).unwrap(), 5);
    }
}
