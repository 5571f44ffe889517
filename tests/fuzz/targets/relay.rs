//! Any bytes for `nexus_nats::testing::outside::relay`, which says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nexus_nats::testing::outside::relay(bytes));
