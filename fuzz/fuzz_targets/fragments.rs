//! Hands what libFuzzer makes up to the target `fragments` of `holdfast-decoders`; knows nothing of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holdfast_decoders::feed("fragments", bytes));
