//! grantor as a tower service: it mounts in axum, hyper and whatever else speaks `tower`.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use grantor_core::Provider;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use tower_service::Service;

/// A provider as a tower service.
#[derive(Debug, Clone)]
pub struct GrantorService {
    provider: Provider,
}

impl GrantorService {
    /// The service of this provider.
    pub const fn new(provider: Provider) -> Self {
        Self { provider }
    }
}

impl<B> Service<Request<B>> for GrantorService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let provider = self.provider.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let bytes = match Limited::new(body, provider.max_body() + 1).collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => Bytes::from(vec![b'x'; provider.max_body() + 1]),
            };
            Ok(provider.handle(Request::from_parts(head, bytes)).await.map(Full::new))
        })
    }
}
