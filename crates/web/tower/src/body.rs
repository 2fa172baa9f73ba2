//! Reads a request body, but never more than core may want to see.

use std::pin::pin;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

/// The body ended before its end, or was not framed as HTTP wants it.
pub(crate) struct Broken;

/// The body; of one that is larger than `limit` only the beginning, a little more than `limit`, so that core sees by its
/// length that it is too large. A body in one piece, as nearly all are, is not copied.
pub(crate) async fn read<B: Body>(body: B, limit: usize) -> Result<Bytes, Broken> {
    let mut body = pin!(body);
    let Some(first) = chunk(&mut body).await? else { return Ok(Bytes::new()) };
    if first.len() > limit || body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = chunk(&mut body).await? else { return Ok(first) };
    let mut all = BytesMut::with_capacity(first.len() + second.len());
    all.extend_from_slice(&first);
    all.extend_from_slice(&second);
    while all.len() <= limit {
        let Some(next) = chunk(&mut body).await? else { break };
        all.extend_from_slice(&next);
    }
    Ok(all.freeze())
}

/// The next piece of data; trailers are of no interest.
async fn chunk<B: Body>(body: &mut std::pin::Pin<&mut B>) -> Result<Option<Bytes>, Broken> {
    while let Some(frame) = body.frame().await {
        if let Ok(mut data) = frame.map_err(|_| Broken)?.into_data() {
            return Ok(Some(data.copy_to_bytes(data.remaining())));
        }
    }
    Ok(None)
}
