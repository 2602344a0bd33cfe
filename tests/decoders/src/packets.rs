//! What a datagram of the ring may hold, before and after opening.

use std::sync::LazyLock;

use holdfast_totem::doors::{self, Outside};

static OUTSIDE: LazyLock<Outside> = LazyLock::new(Outside::new);

/// A datagram before it is opened.
pub fn packet(bytes: &[u8]) {
    OUTSIDE.datagram(bytes);
    if let Some((_, rest)) = bytes.split_first() {
        // Behind the magic bytes.
        let mut whole = vec![b'H', 1];
        whole.extend_from_slice(rest);
        OUTSIDE.datagram(&whole);
    }
}

/// A greeting or a refusal that is authentic.
pub fn greeting(bytes: &[u8]) {
    OUTSIDE.greeting(bytes);
}

/// The body of a datagram that was opened.
pub fn body(bytes: &[u8]) {
    doors::body(bytes);
}

/// A control message of some kind: presence, join and commit lists.
pub fn control(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let mut whole = vec![4 + kind % 12];
    whole.extend_from_slice(rest);
    doors::body(&whole);
}

/// Pieces of messages.
pub fn fragments(bytes: &[u8]) {
    doors::fragments(bytes);
}

/// Sizes of messages, two bytes each, behind two bytes for the room of a frame.
pub fn packing(bytes: &[u8]) {
    let numbers: Vec<usize> =
        bytes.chunks_exact(2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))).collect();
    let Some((room, sizes)) = numbers.split_first() else { return };
    let room = 64 + room % 16_000;
    // As many as fit some dozen frames.
    let mut left = 64 * room;
    let fit = sizes.iter().take(64).take_while(|size| {
        let fits = **size <= left;
        left = left.saturating_sub(**size);
        fits
    });
    let fit = fit.count();
    doors::packing(&sizes[..fit], room);
}
