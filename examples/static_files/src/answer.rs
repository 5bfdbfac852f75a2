//! What a request is answered with.

use crate::body::FileBody;
use crate::path;
use crate::range::{self, Wanted};
use crate::root::{Found, Root};
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use std::io::{self, Write};

pub(crate) type Content = Either<FileBody, Full<Bytes>>;

/// What could not be read is told to the log, and not to the client.
pub(crate) async fn answer<B>(root: Root, request: Request<B>) -> Response<Content> {
    match try_answer(&root, &request).await {
        Ok(response) => response,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", request.uri().path());
            words(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

async fn try_answer<B>(root: &Root, request: &Request<B>) -> io::Result<Response<Content>> {
    let is_head = request.method() == Method::HEAD;
    if !is_head && request.method() != Method::GET {
        return Ok(with(words(StatusCode::METHOD_NOT_ALLOWED), ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    // What leads out of the folder is not there: whoever asks learns nothing of what is outside.
    let Some(path) = path::decode(request.uri().path()) else { return Ok(words(StatusCode::NOT_FOUND)) };
    let media_type = mime_guess::from_path(&path).first_raw().unwrap_or("application/octet-stream");
    let Some(Found { file, length }) = root.find(path).await? else {
        return Ok(words(StatusCode::NOT_FOUND));
    };

    // A part of no body is no part.
    let wanted = if is_head { Wanted::All } else { range::wanted(request.headers(), length) };
    let mut response = match wanted {
        Wanted::Beyond => {
            let response = words(StatusCode::RANGE_NOT_SATISFIABLE);
            return Ok(with(response, CONTENT_RANGE, header(format!("bytes */{length}"))?));
        }
        Wanted::Part(part) => {
            let file = root.skip_to(&part, file).await?;
            let place = header(format!("bytes {}-{}/{length}", part.start, part.end - 1))?;
            let body = FileBody::new(file, part.end - part.start, root.group());
            let mut response = with(Response::new(Either::Left(body)), CONTENT_RANGE, place);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            with(response, CONTENT_LENGTH, HeaderValue::from(part.end - part.start))
        }
        Wanted::All => {
            let body = if is_head {
                Either::Right(Full::default())
            } else {
                Either::Left(FileBody::new(file, length, root.group()))
            };
            with(Response::new(body), CONTENT_LENGTH, HeaderValue::from(length))
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// A status, and the same for people.
fn words(status: StatusCode) -> Response<Content> {
    let text = format!("{status}\n");
    let mut response = Response::new(Either::Right(Full::from(text)));
    *response.status_mut() = status;
    with(response, CONTENT_TYPE, HeaderValue::from_static("text/plain"))
}

fn with(
    mut response: Response<Content>,
    name: hyper::header::HeaderName,
    value: HeaderValue,
) -> Response<Content> {
    response.headers_mut().insert(name, value);
    response
}

fn header(value: String) -> io::Result<HeaderValue> {
    HeaderValue::try_from(value).map_err(io::Error::other)
}
