//! HTTP for the metrics: `GET /metrics`, and nothing else.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::metrics::Metrics;

/// ConnectionLimits served at once; others wait to be accepted.
const CONNECTIONS: usize = 16;
/// How long a connection may take for the head of a request, the first and any later one.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may live; whoever asks again opens another.
const LIFE: Duration = Duration::from_mins(10);
/// What a request's head may take, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// How long to wait when the system cannot accept a connection.
const BACK_OFF: Duration = Duration::from_millis(100);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

type Answer = Response<Full<Bytes>>;

/// Serves the metrics until `stopping`.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let accepting = async {
        // The semaphore is never closed, so that this goes on until cancelled.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection for metrics");
                    sleep(BACK_OFF).await;
                    continue;
                }
            };
            let metrics = Arc::clone(&metrics);
            let stopping = stopping.clone();
            connections.spawn(async move {
                let life = timeout(LIFE, converse(stream, || scrape(&metrics)));
                let _ = stopping.run_until_cancelled(life).await;
                drop(place);
            });
        }
    };
    stopping.run_until_cancelled(accepting).await;
    connections.close();
    connections.wait().await;
}

async fn scrape(metrics: &Metrics) -> Result<String, std::fmt::Error> {
    metrics.text().await
}

/// Answers the requests of one connection.
async fn converse<F: Future<Output = Result<String, std::fmt::Error>>>(
    stream: TcpStream,
    scrape: impl Fn() -> F,
) {
    let scrape = &scrape;
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(answer(&request, scrape).await)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for metrics broke");
    }
}

async fn answer<F: Future<Output = Result<String, std::fmt::Error>>>(
    request: &Request<Incoming>,
    scrape: impl Fn() -> F,
) -> Answer {
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "the metrics are read by GET\n",
        );
        let allowed = hyper::header::HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    match scrape().await {
        Ok(text) => of(StatusCode::OK, OPEN_METRICS, text.into()),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written down");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the log says why\n")
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    of(status, PLAIN, Bytes::from_static(text.as_bytes()))
}

fn of(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a request is answered with.
    async fn ask(request: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let metrics = || async { Ok("a 1\n# EOF\n".to_owned()) };
        let asking = async {
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        tokio::join!(converse(stream, metrics), asking).1
    }

    fn request(method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn gives_the_figures_and_nothing_else() {
        let answer = ask(&request("GET", "/metrics")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(OPEN_METRICS), "{answer}");
        assert!(answer.ends_with("\r\n\r\na 1\n# EOF\n"), "{answer}");
        let answer = ask(&request("GET", "/")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        let answer = ask(&request("POST", "/metrics")).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn refuses_what_is_no_http_or_too_large() {
        let answer = ask("<stream:stream>\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let large = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(2 * HEAD_BYTES));
        let answer = ask(&large).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}
