//! The command line's side.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{
    data_dir::{self, ClaimError},
    plugin::Trace,
    protocol::{self, Failure, Reply, Request},
    socket,
    stopped::StoppedServer,
};
use crate::config::Config;

/// Longest answer, in bytes: a listing of some two million accounts.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A way to the server, running or stopped.
pub struct AdminClient(Backend);

enum Backend {
    Running(Connection),
    Stopped(Box<StoppedServer>),
}

/// Why a command was not carried out. Its text is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// What was asked for cannot be.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// The server replied to something else.
    #[error("the server's answer is not to what was asked; use the same waxwing for both")]
    Unexpected,
    /// The command needs a running server.
    #[error("no server is running; start it with `waxwing run`")]
    NotRunning,
    /// A server has the data folder, but no socket: it is just starting or stopping.
    #[error("a server is starting or stopping in the data folder {}; try again", .0.display())]
    NotReady(PathBuf),
    /// The data folder cannot be had.
    #[error(transparent)]
    Claim(ClaimError),
    /// The socket is there, but talking to it failed.
    #[error("cannot talk to the server by {}: {reason}", socket.display())]
    Connection {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The server ended what it was telling.
    #[error("the server has stopped")]
    Ended,
    /// What the server tells cannot be passed on.
    #[error(transparent)]
    Output(io::Error),
    /// The stopped server's database cannot be opened.
    #[error("{0:#}")]
    Offline(anyhow::Error),
}

impl AdminClient {
    /// To the running server of that configuration's data folder, or, if none runs, to its database.
    pub fn open(config: &Config) -> Result<Self, AdminError> {
        let socket = socket::path(&config.data_dir);
        match Connection::open(&config.data_dir) {
            Ok(connection) => return Ok(Self(Backend::Running(connection))),
            Err(error) if is_absent(&error) => {}
            Err(reason) => return Err(AdminError::Connection { socket, reason }),
        }
        let claim = data_dir::claim(&config.data_dir).map_err(|error| match error {
            ClaimError::InUse(path) => AdminError::NotReady(path),
            other @ ClaimError::Unusable { .. } => AdminError::Claim(other),
        })?;
        let stopped = StoppedServer::open(config, claim).map_err(AdminError::Offline)?;
        Ok(Self(Backend::Stopped(Box::new(stopped))))
    }

    /// Carries out a command and returns its reply.
    pub fn call(&mut self, request: Request) -> Result<Reply, AdminError> {
        match &mut self.0 {
            Backend::Running(connection) => connection.call(&request),
            Backend::Stopped(stopped) => stopped.call(request),
        }
    }
}

impl AdminClient {
    /// Gives the calls of a plugin of a running server, one after the other, until `each` returns false or the server ends it.
    pub fn follow(
        &mut self,
        trace: Trace,
        mut each: impl FnMut(&Value) -> io::Result<bool>,
    ) -> Result<(), AdminError> {
        self.call(Request::Trace(trace))?;
        match &mut self.0 {
            Backend::Running(connection) => connection.follow(&mut each),
            Backend::Stopped(_) => Err(AdminError::NotRunning),
        }
    }
}

/// No socket, or one that a server left behind when it died.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

struct Connection {
    stream: BufReader<UnixStream>,
    socket: PathBuf,
}

impl Connection {
    fn open(data_dir: &Path) -> io::Result<Self> {
        let stream = socket::connect(data_dir)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            socket: socket::path(data_dir),
        })
    }

    fn call(&mut self, request: &Request) -> Result<Reply, AdminError> {
        let answer = self
            .exchange(request)
            .map_err(|reason| AdminError::Connection {
                socket: self.socket.clone(),
                reason,
            })?;
        Ok(answer?)
    }

    fn follow(
        &mut self,
        each: &mut dyn FnMut(&Value) -> io::Result<bool>,
    ) -> Result<(), AdminError> {
        let broken = |socket: &PathBuf, reason| AdminError::Connection {
            socket: socket.clone(),
            reason,
        };
        // Nothing may happen for long.
        let patient = self.stream.get_ref().set_read_timeout(None);
        patient.map_err(|reason| broken(&self.socket, reason))?;
        loop {
            let told = self.next_line().and_then(|line| {
                if line.is_empty() {
                    return Ok(None);
                }
                Ok(Some(protocol::read_answer(&line)?))
            });
            let value = match told.map_err(|reason| broken(&self.socket, reason))? {
                None => return Err(AdminError::Ended),
                Some(Ok(Reply::Call(call))) => call,
                Some(Ok(_)) => return Err(AdminError::Unexpected),
                Some(Err(failure)) => return Err(failure.into()),
            };
            match each(&value) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // Whoever reads has had enough, as `head` has.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(AdminError::Output(error)),
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.stream)
            .take(MAX_ANSWER)
            .read_until(b'\n', &mut line)?;
        Ok(line)
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Result<Reply, Failure>> {
        let line = protocol::write_request(request)?;
        self.stream.get_mut().write_all(&line)?;
        let answer = self.next_line()?;
        if answer.is_empty() {
            let message = "the server closed the connection without an answer";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(protocol::read_answer(&answer)?)
    }
}
