//! The server's side of the socket. Whoever connects has the right to, but may still be mistaken, slow or broken.

use std::{io, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::BoxStream};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    AdminHandler,
    plugin::{self, Trace},
    protocol::{self, Failure, MAX_REQUEST, Reply, Request},
    socket::AdminListener,
};

/// Connections served at once; others wait to be accepted.
const CONNECTIONS: usize = 16;
/// Traces at once: they last, and must leave room for other commands.
pub(super) const TRACES: usize = 8;
/// How long a connection may say nothing, or take for one request or one answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to wait when the system cannot accept a connection, such as for want of descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves commands until `stopping`; those under way are finished first. Removes the socket, so that the data folder must
/// be claimed until this returns.
pub async fn serve(
    listener: AdminListener,
    handler: Arc<dyn AdminHandler>,
    stopping: CancellationToken,
) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let traces = Arc::new(Semaphore::new(TRACES));
    let accepting = async {
        // The semaphore is never closed, so that this goes on until cancelled.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Some(stream) = accept(listener.socket()).await else {
                continue;
            };
            let (handler, stopping) = (Arc::clone(&handler), stopping.clone());
            let traces = Arc::clone(&traces);
            connections.spawn(async move {
                let end = converse(stream, handler.as_ref(), &traces, &stopping).await;
                if let Err(error) = end {
                    tracing::debug!(%error, "an administration connection broke");
                }
                drop(place);
            });
        }
    };
    stopping.run_until_cancelled(accepting).await;
    connections.close();
    connections.wait().await;
    // The data folder is still claimed, so that this is our socket and no successor's.
    listener.remove();
}

/// The next connection of this process's own user or of root, whatever the socket's mode.
async fn accept(listener: &UnixListener) -> Option<UnixStream> {
    match listener.accept().await {
        Ok((stream, _)) => {
            let peer = stream.peer_cred().ok()?.uid();
            (peer == 0 || peer == rustix::process::geteuid().as_raw()).then_some(stream)
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept an administration connection");
            tokio::time::sleep(BACK_OFF).await;
            None
        }
    }
}

/// Answers the requests of one connection, one after the other.
async fn converse(
    stream: UnixStream,
    handler: &dyn AdminHandler,
    traces: &Semaphore,
    stopping: &CancellationToken,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(line) = stopping.run_until_cancelled(next_line(&mut reader)).await {
        let (result, last) = match line? {
            Line::Request(line) => match protocol::read_request(&line) {
                Ok(Request::Trace(trace)) => {
                    let calls = begin_trace(handler, traces, &trace);
                    return tell_calls(calls, &mut reader, &mut writer, stopping).await;
                }
                Ok(request) => (answer(request, handler).await, false),
                Err(error) => (Err(error), false),
            },
            Line::TooLong => (Err(Failure::TooLong(MAX_REQUEST)), true),
            Line::End => break,
        };
        let line = protocol::write_answer(result)?;
        timeout(PATIENCE, writer.write_all(&line)).await??;
        if last {
            break;
        }
    }
    Ok(())
}

enum Line {
    Request(Vec<u8>),
    TooLong,
    End,
}

async fn next_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Line> {
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_REQUEST).unwrap_or(u64::MAX);
    timeout(PATIENCE, reader.take(limit).read_until(b'\n', &mut line)).await??;
    Ok(match line.last() {
        Some(b'\n') => Line::Request(line),
        _ if line.len() >= MAX_REQUEST => Line::TooLong,
        // Half a request at the end of the connection is nothing to act on.
        _ => Line::End,
    })
}

/// The calls to be told, and a place among those who are told some.
type Calls<'a> = (BoxStream<'static, Value>, SemaphorePermit<'a>);

fn begin_trace<'a>(
    handler: &dyn AdminHandler,
    traces: &'a Semaphore,
    trace: &Trace,
) -> Result<Calls<'a>, Failure> {
    let place = traces
        .try_acquire()
        .map_err(|_| Failure::TooManyTraces(TRACES))?;
    Ok((handler.trace_plugin(trace)?, place))
}

/// Tells calls until the client goes away or the server stops.
async fn tell_calls(
    calls: Result<Calls<'_>, Failure>,
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
    stopping: &CancellationToken,
) -> io::Result<()> {
    let begun = calls.as_ref().map(|_| Reply::Done).map_err(Clone::clone);
    let line = protocol::write_answer(begun)?;
    timeout(PATIENCE, writer.write_all(&line)).await??;
    let Ok((mut calls, _place)) = calls else {
        return Ok(());
    };
    let mut more = [0];
    loop {
        let call = tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            // The client has nothing to say: what comes from it is its end.
            _ = reader.read(&mut more) => return Ok(()),
            call = calls.next() => call,
        };
        let Some(call) = call else { return Ok(()) };
        let line = protocol::write_answer(Ok(Reply::Call(call)))?;
        timeout(PATIENCE, writer.write_all(&line)).await??;
    }
}

async fn answer(request: Request, handler: &dyn AdminHandler) -> Result<Reply, Failure> {
    match request {
        Request::Account(command) => handler.account(command).await,
        Request::Lookup(lookup) => handler.look_up(lookup).await.map(Reply::Found),
        Request::Plugin(command) => plugin::execute(handler, command).await,
        Request::Decision(decision) => plugin::decide(handler, decision).await,
        // It lasts, and is begun where it is read.
        Request::Trace(_) => Ok(Reply::Done),
    }
}
