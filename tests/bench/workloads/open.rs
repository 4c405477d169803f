//! Messages at a steady rate, whether earlier ones have arrived or not: a share of what the same server just did when it was
//! given as much as it could take. A message's time runs from the moment at which it was due.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::yield_now;

use super::Tasks;
use super::chat::{self, Chat};
use crate::generator::{Link, Reader, Tally, Target};
use crate::metric::{Metric, Values};

/// When the messages were due that a pair has on the way.
type Due = Rc<RefCell<VecDeque<Instant>>>;

/// Measures the server's rate for half of `span`, then latencies at so many percent of that rate.
pub(super) async fn run(
    chat: Chat,
    percent: u32,
    target: &Target,
    span: Duration,
) -> Result<Values> {
    let (most, pairs) = chat::rate(chat, target, span / 2).await?;
    let rate = most * f64::from(percent) / 100.0;
    let tally = Tally::new();
    let mut tasks = Tasks::new();
    let mut senders = Vec::new();
    for pair in pairs {
        let due = Due::default();
        senders.push((pair.from.link, pair.message, Rc::clone(&due)));
        tasks.add(receive(pair.to, due, Rc::clone(&tally)));
    }
    tasks.add(send(senders, Duration::from_secs_f64(rate.recip())));
    let mut values = tasks.during(tally.measure(target.pid, span)).await?;
    values.insert(Metric::Offered, rate);
    Ok(values)
}

async fn receive(mut to: Reader, due: Due, tally: Rc<Tally>) -> Result<()> {
    loop {
        let received = to.next().await?;
        let now = Instant::now();
        for _ in 0..received.units {
            let due = due.borrow_mut().pop_front();
            tally.took(now.duration_since(due.context("more arrived than was sent")?));
        }
        tally.add(received.units);
    }
}

/// The pairs take turns. This spins, as a timer would be later than what is measured.
async fn send(mut senders: Vec<(Link, Vec<u8>, Due)>, pause: Duration) -> Result<()> {
    let mut next = Instant::now();
    loop {
        for (link, message, due) in &mut senders {
            while Instant::now() < next {
                yield_now().await;
            }
            due.borrow_mut().push_back(next);
            link.send(message).await?;
            next += pause;
        }
    }
}
