//! Many sessions, of which few have something to do at a time: whenever a message arrives, the next pair of users in the
//! round sends one.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpStream;

use super::Tasks;
use super::chat::{MARK, message};
use crate::generator::{Reader, Tally, Target};
use crate::metric::Values;

/// Messages on the way, however many sessions there are.
const ON_THE_WAY: u32 = 50;
/// Octets of a message.
pub(super) const BYTES: u32 = 300;

/// All who send, in their order.
struct Round {
    senders: Vec<(TcpStream, Vec<u8>)>,
    next: Cell<usize>,
}

impl Round {
    async fn send(&self) -> Result<()> {
        let next = self.next.get();
        self.next.set((next + 1) % self.senders.len());
        let (stream, message) = self.senders.get(next).context("nobody sends")?;
        let mut rest = message.as_slice();
        while !rest.is_empty() {
            match stream.try_write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?;
                }
                Err(error) => return Err(error).context("cannot send"),
            }
        }
        Ok(())
    }
}

/// Measures while `sessions`, in pairs, send in turn.
pub(super) async fn run(sessions: u32, target: &Target, span: Duration) -> Result<Values> {
    let mut logged_in = target.sessions(0..sessions).await?.into_iter();
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    while let (Some(from), Some(to)) = (logged_in.next(), logged_in.next()) {
        senders.push((from.link.into_plain()?, message(&to.jid, BYTES)?));
        receivers.push(Reader::new(to.link, MARK, &target.buffer));
    }
    let round = Rc::new(Round {
        senders,
        next: Cell::new(0),
    });
    let tally = Tally::new();
    let mut tasks = Tasks::new();
    for receiver in receivers {
        tasks.add(receive(receiver, Rc::clone(&round), Rc::clone(&tally)));
    }
    for _ in 0..ON_THE_WAY {
        round.send().await?;
    }
    tasks.during(tally.measure(target.pid, span)).await
}

async fn receive(mut receiver: Reader, round: Rc<Round>, tally: Rc<Tally>) -> Result<()> {
    loop {
        let received = receiver.next().await?;
        tally.add(received.units);
        for _ in 0..received.units {
            round.send().await?;
        }
    }
}
