//! The hashing of passwords, on a few threads of its own.
//!
//! PBKDF2 takes a millisecond and more, which no shard can spare. The queue is bounded: when it is full, whoever asked is
//! told so at once, so that a flood of logins costs its own logins only.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Work that may wait: at a millisecond each, the last of them waits a quarter of a second.
const QUEUE: usize = 256;

/// No hash was made: too many are waiting. Mend: try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed; try again later")]
pub(crate) struct Busy;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that hash, and the queue before them. They end when the last clone of the pool is dropped.
#[derive(Debug, Clone)]
pub(crate) struct HashPool {
    jobs: SyncSender<Job>,
}

impl HashPool {
    /// Starts so many threads.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("hash-{index}"))
                .spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Runs a computation on the pool and waits for what it returns.
    pub(crate) async fn run<T, F>(&self, compute: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let job = Box::new(move || {
            // Whoever asked may be gone: then nothing need be computed, and nobody hears of it.
            if !reply.is_closed() {
                drop(reply.send(compute()));
            }
        });
        self.jobs.try_send(job).map_err(|_| Busy)?;
        result.await.map_err(|_| Busy)
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting for a job, not while doing it.
        let job = queue.lock().recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::{Busy, HashPool, QUEUE};

    #[tokio::test]
    async fn computes_on_another_thread() {
        let pool = HashPool::start(1).unwrap();
        let here = std::thread::current().id();
        let there = pool.run(|| std::thread::current().id()).await.unwrap();
        assert_ne!(here, there);
    }

    #[tokio::test]
    async fn refuses_what_does_not_fit_into_the_queue() {
        let pool = HashPool::start(1).unwrap();
        let (release, blocked) = channel::<()>();
        let (started, begun) = channel::<()>();
        pool.jobs
            .try_send(Box::new(move || {
                started.send(()).unwrap();
                let _ = blocked.recv();
            }))
            .unwrap();
        begun.recv().unwrap();
        for _ in 0..QUEUE {
            pool.jobs.try_send(Box::new(|| ())).unwrap();
        }
        assert_eq!(pool.run(|| 1).await, Err(Busy));
        release.send(()).unwrap();
    }
}
