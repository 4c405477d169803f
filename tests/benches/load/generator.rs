//! Logs pairs of sessions in, then keeps a window of messages on the way in each pair. A message is built once; what is
//! received is counted by looking for the end of a message, so that the generator costs far less than any server.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem::Finder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use waxwing_tests::client::sasl::{Binding, Mechanism};
use waxwing_tests::{Client, Login, process};

use crate::report::Figures;

/// What ends every message that is counted.
const MARKER: &[u8] = b"</message>";
/// Before anything is measured, so that buffers, caches and compilers have settled.
const WARM_UP: Duration = Duration::from_secs(2);

/// The load.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Pairs of sessions.
    pub(crate) pairs: usize,
    /// Messages on the way in each pair.
    pub(crate) window: usize,
    /// Bytes of a message as sent.
    pub(crate) bytes: usize,
    /// How long is measured.
    pub(crate) seconds: Duration,
}

/// The users of a pair.
pub(crate) fn users(pair: usize) -> (String, String) {
    (format!("sender{pair}"), format!("receiver{pair}"))
}

/// Puts the load on the server at `address`, whose process is `pid`.
pub(crate) async fn run(load: &Load, address: SocketAddr, pid: u32) -> Result<Figures> {
    let mut pairs = Vec::new();
    for pair in 0..load.pairs {
        let (sender, receiver) = users(pair);
        let (from, _) = session(address, &sender).await?;
        let (to, jid) = session(address, &receiver).await?;
        pairs.push((from, to, message(&jid, load.bytes)?));
    }
    let delivered = Rc::new(Cell::new(0_u64));
    let tasks = LocalSet::new();
    for (from, to, message) in pairs {
        let pair = Pair {
            from,
            to,
            message,
            window: load.window,
            delivered: Rc::clone(&delivered),
        };
        tasks.spawn_local(pair.keep_busy());
    }
    let measured = async {
        tokio::time::sleep(WARM_UP).await;
        let (messages, cpu, started) = (delivered.get(), process::cpu_micros(pid)?, Instant::now());
        tokio::time::sleep(load.seconds).await;
        let (messages, cpu) = (
            delivered.get().saturating_sub(messages),
            process::cpu_micros(pid)?.saturating_sub(cpu),
        );
        ensure!(messages > 0, "nothing was delivered");
        Figures::new(
            messages,
            started.elapsed(),
            cpu,
            process::resident_kib(pid)?,
        )
    };
    tasks.run_until(measured).await
}

/// A session over plain TCP, bound, present, and with nothing left to read.
async fn session(address: SocketAddr, user: &str) -> Result<(TcpStream, String)> {
    let mut client = Client::connect(address).await?;
    let mut login = Login::new(user)
        .by(Mechanism::ScramSha1(Binding::None))
        .resource("load");
    login.starttls = None;
    let jid = client
        .log_in(&login)
        .await
        .with_context(|| format!("logging in as {user}"))?;
    // Sessions without presence get messages to their full JID all the same; a ping shows that nothing is on its way.
    client
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    Ok((client.into_plain()?, jid))
}

/// A chat message of the wanted size.
fn message(to: &str, bytes: usize) -> Result<Vec<u8>> {
    let head = format!("<message to='{to}' type='chat' id='load'><body>");
    let tail = "</body></message>";
    let filler = bytes
        .checked_sub(head.len().saturating_add(tail.len()))
        .context("--bytes is too small for a message")?;
    // Words, so that a filter has something to look at.
    let body: String = "the quick brown fox jumps over the lazy dog "
        .chars()
        .cycle()
        .take(filler)
        .collect();
    Ok(format!("{head}{body}{tail}").into_bytes())
}

struct Pair {
    from: TcpStream,
    to: TcpStream,
    message: Vec<u8>,
    window: usize,
    delivered: Rc<Cell<u64>>,
}

impl Pair {
    /// Sends as many messages as arrived, for ever. An end of either connection ends the process: a figure without it
    /// would be wrong.
    async fn keep_busy(mut self) {
        if let Err(error) = self.exchange().await {
            crate::report::progress(&format!("a pair of sessions failed: {error:#}"));
            std::process::exit(1);
        }
    }

    async fn exchange(&mut self) -> Result<()> {
        let batch: Vec<u8> = self.message.repeat(self.window);
        let mut counter = Counter::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut credit = self.window;
        loop {
            let bytes = credit.saturating_mul(self.message.len());
            self.from
                .write_all(batch.get(..bytes).context("more arrived than was sent")?)
                .await?;
            let read = self.to.read(&mut buffer).await?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            credit = counter.count(buffer.get(..read).unwrap_or_default());
            self.delivered
                .set(self.delivered.get().saturating_add(u64::try_from(credit)?));
        }
    }
}

/// Counts markers in a stream of bytes, also those that are cut in two.
struct Counter {
    finder: Finder<'static>,
    /// The end of what was seen, shorter than a marker.
    rest: Vec<u8>,
}

impl Counter {
    fn new() -> Self {
        Self {
            finder: Finder::new(MARKER),
            rest: Vec::new(),
        }
    }

    fn count(&mut self, bytes: &[u8]) -> usize {
        let across = MARKER.len().saturating_sub(1);
        let seam_end = bytes.len().min(across);
        self.rest
            .extend_from_slice(bytes.get(..seam_end).unwrap_or_default());
        let in_seam = self.finder.find_iter(&self.rest).count();
        let found = in_seam.saturating_add(self.finder.find_iter(bytes).count());
        if bytes.len() >= across {
            self.rest.clear();
            self.rest.extend_from_slice(
                bytes
                    .get(bytes.len().saturating_sub(across)..)
                    .unwrap_or_default(),
            );
        } else {
            let surplus = self.rest.len().saturating_sub(across);
            self.rest.drain(..surplus);
        }
        found
    }
}
