//! Messages that say what they are, so that a checker can tell whose they are and whether they are whole.

use holdfast_totem::Guarantee;

/// What a message says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// Host that sent it.
    pub host: u32,
    /// Run of its daemon.
    pub life: u32,
    /// Counts its messages from 1.
    pub number: u64,
    /// As it was sent.
    pub guarantee: Guarantee,
}

/// What tells messages apart: host, run of its daemon, number.
pub type Key = (u32, u32, u64);

impl Tag {
    /// Bytes of the tag in a message.
    pub const SIZE: usize = 24;

    fn mark(&self) -> u8 {
        (self.number as u8) ^ (self.host as u8)
    }

    /// A message with this tag and so many bytes of filling that can be checked.
    pub fn message(&self, filling: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::SIZE + filling);
        out.extend_from_slice(&self.host.to_le_bytes());
        out.extend_from_slice(&self.life.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&u32::from(self.guarantee == Guarantee::Safe).to_le_bytes());
        out.extend_from_slice(&u32::try_from(filling).unwrap_or(0).to_le_bytes());
        let mark = self.mark();
        out.extend((0..filling).map(|n| mark.wrapping_add(n as u8)));
        out
    }

    /// The tag of a message that is whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let word = |n: usize| Some(u32::from_le_bytes(*bytes.get(n..)?.first_chunk()?));
        let (host, life, safe, filling) = (word(0)?, word(4)?, word(16)?, word(20)?);
        let number = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
        let guarantee = match safe {
            0 => Guarantee::Agreed,
            1 => Guarantee::Safe,
            _ => return None,
        };
        let tag = Self { host, life, number, guarantee };
        let rest = bytes.get(Self::SIZE..)?;
        let mark = tag.mark();
        let whole = rest.len() == usize::try_from(filling).ok()?
            && rest.iter().enumerate().all(|(n, byte)| *byte == mark.wrapping_add(n as u8));
        whole.then_some(tag)
    }

    /// What tells it from all others.
    pub fn key(&self) -> Key {
        (self.host, self.life, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_and_any_changed_byte_is_noticed() {
        let tag = Tag { host: 3, life: 2, number: 77, guarantee: Guarantee::Safe };
        let message = tag.message(300);
        assert_eq!(Tag::read(&message), Some(tag));
        for place in 16..message.len() {
            let mut other = message.clone();
            other[place] ^= 1;
            assert_ne!(Tag::read(&other), Some(tag), "byte {place}");
        }
        assert_eq!(Tag::read(&message[..message.len() - 1]), None);
    }
}
