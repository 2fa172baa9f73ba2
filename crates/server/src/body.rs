//! Record bodies of the site: a version byte, then numbered fields (CBOR), as core writes its own.

use bytes::Bytes;
use grantor::store::{Record, StoreError};
use minicbor::{Decode, Encode};

/// The version that this release writes. It reads this one and all below.
const VERSION: u8 = 1;

/// The body with these fields.
pub(super) fn write(value: &impl Encode<()>) -> Bytes {
    let mut out = vec![VERSION];
    // Writing into a Vec cannot fail.
    let _ = minicbor::encode(value, &mut out);
    Bytes::from(out)
}

/// The fields of a body.
///
/// # Errors
/// A body that a newer release wrote, or that is none of ours.
pub(super) fn read<'a, T: Decode<'a, ()>>(record: &'a Record) -> Result<T, StoreError> {
    let wrong = |why: &str| StoreError::nothing_written(format!("the record {:?} {why}", record.key));
    match record.body.split_first() {
        Some((version, fields)) if *version <= VERSION => {
            minicbor::decode(fields).map_err(|_| wrong("cannot be read"))
        }
        Some(_) => Err(wrong("was written by a newer release: finish the upgrade")),
        None => Err(wrong("has an empty body")),
    }
}
