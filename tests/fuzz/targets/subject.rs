//! Any bytes for `nexus_nats::testing::outside::subject`, which says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nexus_nats::testing::outside::subject(bytes));
