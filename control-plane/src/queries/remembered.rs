//! Answers remembered for as long as nothing happens: what was read at one event is what would be
//! read again, until the next event is projected.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Answers kept at a time, at most.
const MOST: usize = 1_024;

/// Answers by their question, as of one event.
#[derive(Debug)]
pub(crate) struct Remembered<K, V> {
    kept: Mutex<(u64, HashMap<K, V>)>,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self {
            kept: Mutex::new((0, HashMap::new())),
        }
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    /// The answer as of event `sequence`: remembered, or found by `ask`.
    ///
    /// `sequence` has to be read before; what `ask` finds may be newer, and never older.
    ///
    /// # Errors
    /// Those of `ask`, which are not remembered.
    pub(crate) fn or_ask<E>(
        &self,
        sequence: u64,
        question: K,
        ask: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.0 == sequence
                && let Some(answer) = kept.1.get(&question)
            {
                return Ok(answer.clone());
            }
        }
        let answer = ask()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 != sequence || kept.1.len() >= MOST {
            // Whoever asked at an older event must not undo what a newer one made anew.
            if kept.0 > sequence {
                return Ok(answer);
            }
            *kept = (sequence, HashMap::new());
        }
        kept.1.insert(question, answer.clone());
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(known: &Remembered<&'static str, u8>, sequence: u64, answer: u8) -> u8 {
        let asked = known.or_ask(sequence, "q", || Ok::<_, ()>(answer));
        asked.expect("it answers")
    }

    #[test]
    fn an_answer_holds_until_the_next_event() {
        let known = Remembered::default();
        assert_eq!(ask(&known, 1, 10), 10);
        assert_eq!(ask(&known, 1, 11), 10);
        assert_eq!(ask(&known, 2, 20), 20);
        assert_eq!(ask(&known, 1, 12), 12, "one who is late");
        assert_eq!(ask(&known, 2, 21), 20);
    }

    #[test]
    fn a_failure_is_not_remembered() {
        let known = Remembered::<_, u8>::default();
        assert_eq!(known.or_ask(1, "q", || Err(())), Err(()));
        assert_eq!(ask(&known, 1, 10), 10);
    }
}
