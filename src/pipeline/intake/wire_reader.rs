//! Walking protobuf field by field, without building anything.
//!
//! It accepts exactly what prost accepts: any order of fields, unknown fields, groups to a depth of 100.

/// Bytes that are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The message ends within a field.
    #[error("the message ends within a field")]
    Truncated,
    /// A variable-length number of more than 64 bits.
    #[error("a number is longer than 64 bits")]
    Number,
    /// A field key that does not exist in protobuf.
    #[error("a field has the impossible key {0}")]
    Key(u64),
    /// A group that ends without having begun, ends as another, or is nested too deep.
    #[error("a group does not end where it should")]
    Group,
    /// A field of another type than the schema says.
    #[error("field {0} has the wrong type")]
    Type(u32),
    /// More records, groups and blocks than one request may have.
    #[error("it holds more than {0} records and blocks; send smaller batches")]
    TooMany(usize),
}

/// The value of one field, as far as the wire tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw<'b> {
    Varint(u64),
    Bytes(&'b [u8]),
    /// Fixed-width numbers and groups: nothing here reads them.
    Other,
}

impl<'b> Raw<'b> {
    /// The bytes of a string, bytes or message field.
    #[inline]
    pub(super) fn bytes(self, field: u32) -> Result<&'b [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Other => Err(Malformed::Type(field)),
        }
    }
}

/// A position in a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

const MAX_GROUP_DEPTH: usize = 100;
/// The wire type of strings, bytes and messages.
const LENGTH_DELIMITED: u8 = 2;

impl<'b> Reader<'b> {
    #[inline]
    pub(super) fn new(message: &'b [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field and its number; `None` at the end of the message.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Raw<'b>)>, Malformed> {
        // Almost every field that is walked over has a key of one byte and a length of one or two.
        let (key, length, rest) = match self.rest {
            [] => return Ok(None),
            [key, length, rest @ ..] if *length < 0x80 => (*key, usize::from(*length), rest),
            [key, low, high, rest @ ..] if *high < 0x80 => {
                (*key, usize::from(*low & 0x7f) | usize::from(*high) << 7, rest)
            }
            _ => return self.next_of_any_form(),
        };
        if key & 0x87 == LENGTH_DELIMITED && key > 0x07 {
            let (value, rest) = rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
            self.rest = rest;
            return Ok(Some((u32::from(key >> 3), Raw::Bytes(value))));
        }
        self.next_of_any_form()
    }

    fn next_of_any_form(&mut self) -> Result<Option<(u32, Raw<'b>)>, Malformed> {
        let (field, wire_type) = self.key()?;
        let value = match wire_type {
            0 => Raw::Varint(self.varint()?),
            2 => Raw::Bytes(self.delimited()?),
            other => {
                self.skip(field, other, 0)?;
                Raw::Other
            }
        };
        Ok(Some((field, value)))
    }

    #[inline]
    fn key(&mut self) -> Result<(u32, u8), Malformed> {
        let key = self.varint()?;
        let field = u32::try_from(key).map_err(|_| Malformed::Key(key))? >> 3;
        if field == 0 { Err(Malformed::Key(key)) } else { Ok((field, key as u8 & 7)) }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[cold]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                if index == 9 && *byte > 1 {
                    return Err(Malformed::Number);
                }
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        if self.rest.len() < 10 { Err(Malformed::Truncated) } else { Err(Malformed::Number) }
    }

    #[inline]
    fn delimited(&mut self) -> Result<&'b [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
        self.take(length)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn skip(&mut self, field: u32, wire_type: u8, depth: usize) -> Result<(), Malformed> {
        match wire_type {
            0 => self.varint().map(drop),
            1 => self.take(8).map(drop),
            2 => self.delimited().map(drop),
            3 => self.skip_group(field, depth),
            5 => self.take(4).map(drop),
            4 => Err(Malformed::Group),
            other => Err(Malformed::Key(u64::from(field) << 3 | u64::from(other))),
        }
    }

    fn skip_group(&mut self, group: u32, depth: usize) -> Result<(), Malformed> {
        if depth == MAX_GROUP_DEPTH {
            return Err(Malformed::Group);
        }
        loop {
            let (field, wire_type) = self.key()?;
            match wire_type {
                4 if field == group => return Ok(()),
                4 => return Err(Malformed::Group),
                _ => self.skip(field, wire_type, depth + 1)?,
            }
        }
    }
}

/// A message field that may occur several times: protobuf then merges the occurrences, as if they were written behind
/// each other in one.
#[derive(Debug, Clone, Default)]
pub(super) struct Fragments<'b> {
    first: &'b [u8],
    more: Vec<&'b [u8]>,
    present: bool,
}

impl<'b> Fragments<'b> {
    #[inline]
    pub(super) fn add(&mut self, occurrence: &'b [u8]) {
        if self.present {
            self.more.push(occurrence);
        } else {
            self.first = occurrence;
            self.present = true;
        }
    }

    /// The occurrences, as they stand in the request.
    pub(super) fn occurrences(&self) -> impl Iterator<Item = &'b [u8]> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    /// All fields of the message, whichever occurrence they stand in.
    pub(super) fn each(&self, mut visit: impl FnMut(u32, Raw<'b>) -> Result<(), Malformed>) -> Result<(), Malformed> {
        for occurrence in self.occurrences() {
            let mut reader = Reader::new(occurrence);
            while let Some((field, value)) = reader.next()? {
                visit(field, value)?;
            }
        }
        Ok(())
    }

    /// The message built in full; `None` when it does not occur.
    pub(super) fn decode<M: prost::Message + Default>(&self) -> Result<Option<M>, prost::DecodeError> {
        if !self.present {
            return Ok(None);
        }
        let mut message = M::decode(self.first)?;
        for occurrence in &self.more {
            message.merge(*occurrence)?;
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(message: &[u8]) -> Result<Vec<u32>, Malformed> {
        let mut reader = Reader::new(message);
        let mut fields = Vec::new();
        while let Some((field, _)) = reader.next()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn fields_of_every_type_are_passed_over() {
        let message =
            [0x08, 0x96, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 1, 0xff, 0x25, 1, 2, 3, 4, 0x2b, 0x08, 1, 0x2c];
        assert_eq!(fields(&message), Ok(vec![1, 2, 3, 4, 5]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(fields(&[0x0a, 5, 1]), Err(Malformed::Truncated));
        assert_eq!(fields(&[0x80]), Err(Malformed::Truncated));
        assert_eq!(fields(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), Err(Malformed::Number));
        assert_eq!(fields(&[0x00]), Err(Malformed::Key(0)));
        assert_eq!(fields(&[0x0e]), Err(Malformed::Key(14)));
        assert_eq!(fields(&[0x0b, 0x14]), Err(Malformed::Group));
        assert_eq!(fields(&[0x0c]), Err(Malformed::Group));
        assert_eq!(fields(&[0x0b; 200]), Err(Malformed::Group));
    }
}
