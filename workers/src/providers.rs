//! The real providers, a folder each.

pub mod docker;
pub mod process;
