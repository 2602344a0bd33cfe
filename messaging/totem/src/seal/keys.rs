//! From the key file to the keys of one sender and boot: HKDF-SHA256, HMAC for greetings, AES-256-GCM for the rest.
//! Knows no peer and no datagram.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hkdf, hmac};

use crate::config::Key;
use crate::id::{Incarnation, NodeId};

/// Length of the authenticator of a sealed datagram.
pub const TAG: usize = 16;
/// Length of the authenticator of a greeting.
pub const MAC: usize = 32;

/// What one key file yields.
#[derive(Clone)]
pub struct Master {
    /// Tells which key a datagram was made with; says nothing about the key.
    pub tag: u32,
    greeting: hmac::Key,
    traffic: hkdf::Prk,
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Master({:08x})", self.tag)
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &hkdf::Prk, info: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    prk.expand(info, Length(N))
        .and_then(|okm| okm.fill(&mut out))
        .expect("HKDF-SHA256 yields up to 8160 bytes, and no caller asks for more than 128");
    out
}

/// The key that a cluster shares with its witness: 128 bytes from key file and cluster name.
pub fn witness_key(key: &Key, cluster_name: &str) -> Key {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, cluster_name.as_bytes());
    let mut bytes: [u8; 128] = expand(&salt.extract(key.bytes()), &[b"holdfast 1 witness"]);
    let derived = Key::new(&bytes).expect("128 bytes are a key");
    bytes.fill(0);
    std::hint::black_box(&bytes);
    derived
}

impl Master {
    /// Derives from the key file; the cluster name is the salt, so that equal keys of two clusters do not meet.
    pub fn new(key: &Key, cluster_name: &str) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, cluster_name.as_bytes());
        let prk = salt.extract(key.bytes());
        let tag: [u8; 4] = expand(&prk, &[b"holdfast 1 key tag"]);
        let greeting: [u8; 32] = expand(&prk, &[b"holdfast 1 greeting"]);
        let traffic: [u8; 32] = expand(&prk, &[b"holdfast 1 traffic"]);
        Self {
            tag: u32::from_le_bytes(tag),
            greeting: hmac::Key::new(hmac::HMAC_SHA256, &greeting),
            traffic: hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &traffic),
        }
    }

    /// Authenticator of a greeting.
    pub fn mac(&self, bytes: &[u8]) -> [u8; MAC] {
        let mut out = [0; MAC];
        out.copy_from_slice(hmac::sign(&self.greeting, bytes).as_ref());
        out
    }

    /// Whether the authenticator of a greeting is right.
    pub fn mac_holds(&self, bytes: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.greeting, bytes, mac).is_ok()
    }

    /// The traffic key of one sender, boot and generation (the upper half of its datagram counter).
    pub fn traffic(&self, node: NodeId, salt: &[u8; 32], generation: u32) -> TrafficKey {
        let info: [&[u8]; 4] = [b"tx", &node.0.to_le_bytes(), salt, &generation.to_le_bytes()];
        let bytes: [u8; 32] = expand(&self.traffic, &info);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).expect("AES-256-GCM takes 32 bytes");
        TrafficKey { key: LessSafeKey::new(key) }
    }
}

/// Seals or opens the datagrams of one sender.
pub struct TrafficKey {
    key: LessSafeKey,
}

impl std::fmt::Debug for TrafficKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrafficKey")
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(b"ring");
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

impl TrafficKey {
    /// Encrypts `body` in place and returns its authenticator.
    pub fn seal(&self, counter: u64, header: &[u8], body: &mut [u8]) -> [u8; TAG] {
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(counter), Aad::from(header), body)
            .expect("a datagram is far below the limit of AES-GCM");
        let mut out = [0; TAG];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// Decrypts `sealed` (body and authenticator) in place; `None` when it was not made with this key.
    pub fn open<'a>(&self, counter: u64, header: &[u8], sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.key.open_in_place(nonce(counter), Aad::from(header), sealed).ok()
    }
}

/// Which run of which daemon a boot salt stands for.
pub fn incarnation(node: NodeId, salt: &[u8; 32]) -> Incarnation {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&node.0.to_le_bytes());
    context.update(salt);
    let mut out = [0; 8];
    out.copy_from_slice(&context.finish().as_ref()[..8]);
    Incarnation(u64::from_le_bytes(out) | 1)
}

/// Checksum of a datagram in clear: finds accidents, not attackers.
pub fn checksum(seed: u64, parts: [&[u8]; 2]) -> [u8; TAG] {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for part in parts {
        let (words, rest) = part.as_chunks::<8>();
        for word in words {
            state = (state ^ u64::from_le_bytes(*word)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            state ^= state >> 32;
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        state = (state ^ u64::from_le_bytes(last)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        state ^= (state >> 29) ^ (part.len() as u64);
    }
    let mut out = [0; TAG];
    out[..8].copy_from_slice(&state.to_le_bytes());
    out[8..].copy_from_slice(&state.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    out
}
