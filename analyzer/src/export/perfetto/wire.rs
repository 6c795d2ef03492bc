//! The encoding of protocol buffers, as far as a trace needs it.

/// A message that is being written.
#[derive(Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    /// Empties it for the next use.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A field with a number.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        put(u64::from(field) << 3, &mut self.0);
        put(value, &mut self.0);
    }

    /// A field with a number that may be negative (`int64`).
    pub(super) fn signed(&mut self, field: u32, value: i64) {
        self.number(field, value.cast_unsigned());
    }

    /// A field with bytes: a text or a message.
    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        put((u64::from(field) << 3) | 2, &mut self.0);
        put(bytes.len() as u64, &mut self.0);
        self.0.extend(bytes);
    }

    /// A field with a message.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }
}

fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
