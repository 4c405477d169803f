//! The floor: a relay on the runtime that this server uses, that takes one read and one write for each message, and looks at
//! nothing. A user with an even number is connected with the next one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::Stdio;
use std::rc::Rc;
use std::task::ready;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;
use waxwing_tests::PATIENCE;

use super::{Running, Subject};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Where users are reached that have logged in and to whom nothing was sent yet.
type Waiting = Rc<RefCell<HashMap<u32, OwnedWriteHalf>>>;
/// What is read into, by all connections in turn.
type Buffer = Rc<RefCell<Vec<u8>>>;

/// Serves until it is killed; prints its address first. At most `message` octets are read at once, so that each message is read
/// and written by itself.
pub(crate) async fn serve(message: usize) -> Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener: TcpListener = socket.listen(BACKLOG)?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    let waiting = Waiting::default();
    let buffer: Buffer = Rc::new(RefCell::new(vec![0; message]));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (waiting, buffer) = (Rc::clone(&waiting), Rc::clone(&buffer));
        tokio::task::spawn_local(async move {
            // A connection that ends is what ends a measurement.
            let _ = relay(stream, waiting, buffer).await;
        });
    }
}

async fn relay(stream: TcpStream, waiting: Waiting, buffer: Buffer) -> Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let number = number(&mut reader).await?;
    writer.write_all(b"ok\n").await?;
    waiting.borrow_mut().insert(number, writer);
    let mut to: Option<OwnedWriteHalf> = None;
    let mut out = Vec::new();
    loop {
        let read = read(&mut reader, &buffer).await?;
        if to.is_none() {
            to = waiting.borrow_mut().remove(&(number ^ 1));
        }
        let to = to.as_mut().context("nobody to send to")?;
        let written = to.try_write(buffer.borrow().get(..read).unwrap_or_default());
        let written = written.unwrap_or(0);
        if written < read {
            out.clear();
            out.extend_from_slice(buffer.borrow().get(written..read).unwrap_or_default());
            to.write_all(&out).await?;
        }
    }
}

async fn number(reader: &mut OwnedReadHalf) -> Result<u32> {
    let mut line = String::new();
    loop {
        match reader.read_u8().await? {
            b'\n' => return Ok(line.parse()?),
            digit => line.push(char::from(digit)),
        }
    }
}

/// Reads once; the end is an error.
async fn read(reader: &mut OwnedReadHalf, buffer: &Buffer) -> io::Result<usize> {
    poll_fn(|task| {
        let mut buffer = buffer.borrow_mut();
        let mut read = ReadBuf::new(&mut buffer);
        ready!(Pin::new(&mut *reader).poll_read(task, &mut read))?;
        match read.filled().len() {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
        .into()
    })
    .await
}

/// Starts this program as a relay.
pub(super) async fn start(subject: Subject, message: u32) -> Result<Running> {
    let mut command = Command::new("taskset");
    command
        .arg("--cpu-list")
        .arg(subject.cpus())
        .arg(std::env::current_exe()?)
        .arg("relay")
        .arg(message.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().context("cannot start taskset")?;
    let stdout = child.stdout.take().context("no stdout")?;
    let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
    let address = line.context("the relay ended")?.parse()?;
    Running::new(address, child, None)
}
