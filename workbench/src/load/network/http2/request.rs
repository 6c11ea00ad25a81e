//! Requests of HTTP/2 from the templates of a scenario (RFC 9113 §8.3).

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version};

use crate::load::LoadError;
use crate::load::network::endpoint::Endpoint;
use crate::load::network::pieces::{Numbers, Pieces};
use crate::load::network::template::{Expected, checked};
use crate::load::spec::Operation;

/// Headers that HTTP/2 does not have (RFC 9113 §8.2.2), or has in another place.
const LEFT_OUT: [&str; 5] = ["host", "connection", "keep-alive", "proxy-connection", "upgrade"];

/// One operation's request, checked.
#[derive(Debug)]
pub(super) struct Template {
    method: Method,
    scheme: Scheme,
    authority: Authority,
    path: Pieces,
    headers: HeaderMap,
    body: Option<Pieces>,
    pub(super) expected: Expected,
}

impl Template {
    /// Compiles the request of an operation.
    pub(super) fn compile(operation: &Operation, endpoint: &Endpoint) -> Result<Self, LoadError> {
        Self::of(operation, endpoint)
            .map_err(|problem| LoadError::Request { operation: operation.name.clone(), problem })
    }

    fn of(operation: &Operation, endpoint: &Endpoint) -> Result<Self, String> {
        let request = checked(operation)?;
        let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = host.map_or(endpoint.host.as_str(), |(_, value)| value.as_str());
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            if LEFT_OUT.iter().any(|left| name.eq_ignore_ascii_case(left)) {
                continue;
            }
            let unusable = || format!("the header `{}` is not usable", name.escape_debug());
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| unusable())?);
        }
        if request.body.is_some() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(Self {
            method: Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?,
            scheme: if endpoint.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP },
            authority: host.parse().map_err(|_| format!("`{}` is no host", host.escape_debug()))?,
            path: Pieces::cut(&request.path)?,
            headers,
            body: request.body.as_deref().map(Pieces::cut).transpose()?,
            expected: Expected::of(request),
        })
    }

    /// The request with this sequence number and its body; the error says what of it no request can have.
    pub(super) fn render(&self, sequence: u64, seed: u64) -> Result<(Request<()>, Option<Bytes>), http::Error> {
        let mut numbers = Numbers::new(sequence, seed);
        let written = |pieces: &Pieces, numbers: &mut Numbers| {
            let mut text = Vec::with_capacity(64);
            pieces.write(numbers, &mut text);
            Bytes::from(text)
        };
        let path = PathAndQuery::from_maybe_shared(written(&self.path, &mut numbers))?;
        let body = self.body.as_ref().map(|pieces| written(pieces, &mut numbers));
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()?;
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        if let Some(body) = &body {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Ok((request, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::fixture;

    #[test]
    fn a_request_has_its_numbers_and_none_of_the_headers_of_http1() {
        let mut operation = fixture::operation("orders", 1.0);
        let request = operation.request.as_mut().unwrap();
        request.headers = [("Host", "shop.test"), ("Connection", "close"), ("X-Shop", "7")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        (request.method, request.body) = ("POST".into(), Some("n=${sequence}".into()));
        let template = Template::compile(&operation, &Endpoint::loopback(80)).unwrap();
        let (request, body) = template.render(12, 1).unwrap();
        assert_eq!(request.uri(), "http://shop.test/orders/12");
        let mut headers: Vec<String> = request.headers().iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
        headers.sort_unstable();
        assert_eq!(headers, ["content-length: \"4\"", "content-type: \"application/json\"", "x-shop: \"7\""]);
        assert_eq!(body.unwrap(), "n=12");
    }
}
