//! What guests write a second, each write a call of its own that is over when the database has it on the disk.

use std::rc::Rc;
use std::time::Instant;

use crate::{MESSAGE, guest, host, judge, message};

/// Streams that wait for their call, each at a time for one.
const STREAMS: u32 = 512;
/// Calls of each stream in a round.
const CALLS: u32 = 200;
const ROUNDS: usize = 5;

pub(crate) async fn measure() {
    let serving = host::platform(&[("writes", &guest("writes"))]).await;
    let serving = Rc::new(serving);
    let mut rates = Vec::new();
    let before = serving.storage.commits();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let streams: Vec<_> = (0..STREAMS)
            .map(|_| tokio::task::spawn_local(stream(Rc::clone(&serving))))
            .collect();
        for stream in streams {
            stream.await.expect("a stream's calls");
        }
        rates.push(f64::from(STREAMS * CALLS) / begun.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let transactions = serving.storage.commits().saturating_sub(before);
    println!(
        "guests' writes, each committed:    {:.0}/s (rounds: {:.0} to {:.0}; {transactions} transactions; asked: 30,000)",
        rates[ROUNDS / 2],
        rates[0],
        rates[ROUNDS.saturating_sub(1)]
    );
    if let Ok(serving) = Rc::try_unwrap(serving) {
        serving.end().await;
    }
}

async fn stream(serving: Rc<host::Serving>) {
    let message = message(MESSAGE);
    for _ in 0..CALLS {
        judge(&serving.shard, &message).await;
    }
}
