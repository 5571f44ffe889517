//! nexusd.

fn main() {}
