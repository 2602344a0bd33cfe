//! Hands what libFuzzer makes up to the target `control` of `holdfast-decoders`; knows nothing of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holdfast_decoders::feed("control", bytes));
