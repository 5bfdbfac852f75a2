//! What is written by those who write records.

/// Bytes of each.
pub const LENGTH: usize = 100;

/// Says which one it is, in its first eight bytes.
#[derive(Clone, Copy, PartialEq)]
pub struct Record([u8; LENGTH]);

impl Record {
    pub fn blank() -> Self {
        Self(std::array::from_fn(|index| b'a' + (index % 26) as u8))
    }

    pub fn numbered(&mut self, number: u64) -> &[u8] {
        self.0[..8].copy_from_slice(&number.to_le_bytes());
        &self.0
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
