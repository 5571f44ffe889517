//! Questions about the past, answered by the log alone.
//!
//! Each question is a fold over events in order, pure like everything here: the same history gives
//! the same answer, live, from an exported file, and long after what it was about is gone. Nothing
//! looks at a read model, a provider or a clock.
//!
//! | question | file |
//! | --- | --- |
//! | how is a log written down in a file? | [`line`], [`record`] |
//! | was a byte of it changed? | [`chain`], [`checks`] |
//! | who did this, and because of what? | [`causes`] |
//! | how did everything stand then? | [`past`] |
//! | would the rules decide the same again? | [`decisions`] |
//! | how long does each step take? | [`durations`] |
//! | what keeps a workspace up, and why was it stopped? | [`idle`] |
//! | what would another policy have done? | [`what_if`] |
//! | what can be shown of it to a stranger? | [`incident`] |

pub mod causes;
pub mod chain;
pub mod checks;
pub mod decisions;
pub mod durations;
pub mod entry;
pub mod idle;
pub mod incident;
pub mod line;
pub mod past;
pub mod record;
pub mod what_if;

pub use entry::Entry;
pub use line::Line;
pub use record::Record;
