//! Record bodies of the server: a version byte, then numbered fields (CBOR), so that old and new processes read each other's.
//!
//! Never change the meaning of a number. A new field gets a new number and, where an older process must not drop it, a
//! new version that one release reads before the next one writes it.

use bytes::Bytes;
use grantor::store::{Record, StoreError};
use minicbor::{Decode, Encode};

/// The version that this release writes. It reads this one and all below.
const VERSION: u8 = 1;

/// The body with these fields.
pub(crate) fn write(fields: &impl Encode<()>) -> Bytes {
    let mut out = vec![VERSION];
    // Writing into a Vec cannot fail.
    let _ = minicbor::encode(fields, &mut out);
    Bytes::from(out)
}

/// The fields of a body.
///
/// # Errors
/// A body that a newer release wrote, or that is none of ours.
pub(crate) fn read<'a, T: Decode<'a, ()>>(record: &'a Record) -> Result<T, StoreError> {
    let (_, fields) = record.versioned(VERSION)?;
    minicbor::decode(fields).map_err(|_| record.unreadable())
}
