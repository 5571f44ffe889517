//! Any bytes for `nexus_init::testing::init`, which says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nexus_init::testing::init(bytes));
