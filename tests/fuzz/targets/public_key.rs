//! Any bytes for `nexus_control_plane::testing::public_key`, which says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nexus_control_plane::testing::public_key(bytes));
