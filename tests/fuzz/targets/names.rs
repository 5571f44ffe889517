//! Any bytes for `nexus_events::testing::outside::names`, which says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nexus_events::testing::outside::names(bytes));
