//! A session until its resource is bound: carries out what the negotiation machine of `waxwing_xmpp` asks for.

use std::{
    future::{Future, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{Instant as TokioInstant, timeout_at};
use waxwing_plugins::{PreAuthStream, Unavailable};
use waxwing_storage::AccountId;
use waxwing_xmpp::{
    bind::BindRequest,
    error::{Condition, StanzaError},
    jid::{BareJid, FullJid},
    sasl::{self, ScramKeys},
    sm::{NotResumed, Resume},
    stream::{
        Authority, Established, Input, Negotiation, Output, Peer, TlsInfo, TlsVersion, random_id,
    },
};

use super::{
    auth_provider, client_state::ClientStateBuffer, connection::Connection, endpoint::Endpoint,
    hibernated, pre_auth, resumption::DetachedSession, stream_management::StreamManagement,
};
use crate::{accounts::secret, config::Kind, net::tls, router::Registration};

/// Time for what is said last to a client whose negotiation fails.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The first byte of a ClientHello's record: the content type `handshake` (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// A session with its resource bound.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) registration: Registration,
    pub(super) lang: Option<String>,
    /// The account's id.
    pub(super) account: u64,
    /// The rest of a session that goes on.
    pub(super) resumed: Option<Box<Resumed>>,
}

/// What a session had when its connection was lost.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) management: Box<StreamManagement>,
    pub(super) held: ClientStateBuffer,
    /// What its client said.
    pub(super) request: Resume,
}

/// How a negotiation came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// What there was to say is said, and the client may close its stream.
    Said,
    /// There is nobody to hear anything, or nobody who may.
    Lost,
}

/// Why waiting for something ends early.
#[derive(Debug)]
enum Interrupt {
    /// The time for negotiation is over.
    Deadline,
    /// The server stops.
    Stopping,
    /// The connection is lost.
    Lost(io::Error),
}

impl From<io::Error> for Interrupt {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// How the machine's outputs left things.
enum Step {
    /// It waits for the client.
    Read,
    /// It is done.
    Done(Option<Box<Bound>>),
}

struct Negotiator<'a> {
    connection: &'a mut Connection,
    endpoint: &'a Endpoint,
    peer: Peer,
    machine: Negotiation,
    deadline: TokioInstant,
    stream: PreAuthStream,
    tls: Option<Arc<tls::Context>>,
    registration: Option<Registration>,
    /// The session that the client resumes.
    resumed: Option<(DetachedSession, Resume)>,
}

/// Negotiates a stream until a resource is bound.
pub(super) async fn run(
    connection: &mut Connection,
    endpoint: &Endpoint,
    address: SocketAddr,
) -> Result<Bound, Failed> {
    let peer = Peer {
        loopback: address.ip().to_canonical().is_loopback(),
    };
    let machine = Negotiation::new(Arc::clone(&endpoint.settings), peer, Instant::now());
    let mut negotiator = Negotiator {
        deadline: TokioInstant::from_std(machine.deadline()),
        stream: stream(address.ip().to_canonical()),
        connection,
        endpoint,
        peer,
        machine,
        tls: None,
        registration: None,
        resumed: None,
    };
    match negotiator.negotiate().await {
        Ok(bound) => bound.map(|bound| *bound).ok_or(Failed::Said),
        Err(interrupt) => Err(negotiator.last_words(interrupt).await),
    }
}

/// What plugins are told of a stream that has said nothing yet.
fn stream(address: IpAddr) -> PreAuthStream {
    PreAuthStream {
        id: random_id(secret::random),
        host: String::new(),
        tls: None,
        direct_tls: false,
        requests: 0,
        address,
    }
}

impl Negotiator<'_> {
    async fn negotiate(&mut self) -> Result<Option<Box<Bound>>, Interrupt> {
        let wants_tls = match &self.endpoint.tls_at_once {
            None => self.endpoint.kind == Kind::C2sTls,
            Some(settings) => {
                let wants_tls = self.begins_with_tls().await?;
                if wants_tls {
                    self.machine =
                        Negotiation::new(Arc::clone(settings), self.peer, Instant::now());
                }
                wants_tls
            }
        };
        if wants_tls {
            self.stream.direct_tls = true;
            self.handshake(None).await?;
        }
        loop {
            match self.carry_out().await? {
                Step::Done(bound) => return Ok(bound),
                Step::Read => self.check_time()?,
            }
            let input = match self.connection.parse() {
                Ok(Some(event)) => Input::Event(event),
                Err(error) => Input::Malformed(error),
                Ok(None) if self.read().await? => continue,
                Ok(None) => return Err(Interrupt::Lost(io::ErrorKind::UnexpectedEof.into())),
            };
            self.machine.handle(input);
        }
    }

    /// Whether the client's first byte begins a record of TLS instead of a stream: some clients open the port for STARTTLS so.
    async fn begins_with_tls(&self) -> Result<bool, Interrupt> {
        let first = self.in_time(self.connection.io.first_byte()).await??;
        Ok(first == Some(TLS_HANDSHAKE))
    }

    /// A client that always has something more to read would never let the clock be looked at while waiting.
    fn check_time(&self) -> Result<(), Interrupt> {
        if self.connection.cx.stopping.is_cancelled() {
            return Err(Interrupt::Stopping);
        }
        if TokioInstant::now() >= self.deadline {
            return Err(Interrupt::Deadline);
        }
        Ok(())
    }

    /// Carries out everything that the machine wants.
    async fn carry_out(&mut self) -> Result<Step, Interrupt> {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(bytes) => self.connection.outbound.push(&bytes),
                Output::StartTls { host } => {
                    self.write_out().await?;
                    // What came in clear text with the request to encrypt may be from somebody in between.
                    if self.connection.input.is_some() {
                        return Err(Interrupt::Lost(io::ErrorKind::InvalidData.into()));
                    }
                    self.handshake(Some(&host)).await?;
                }
                Output::RestartParser => self.connection.parser.restart(),
                Output::SetLimitsAuthenticated => {
                    let limits = self.connection.cx.limits.stanza;
                    self.connection.parser.set_limits(limits);
                }
                Output::Established(established) => {
                    self.write_out().await?;
                    return Ok(Step::Done(self.bound(established).map(Box::new)));
                }
                Output::Close => {
                    self.write_out().await?;
                    return Ok(Step::Done(None));
                }
                effect => {
                    let answer = self.effect(effect).await?;
                    self.machine.handle(answer);
                }
            }
        }
        self.write_out().await?;
        Ok(Step::Read)
    }

    /// The session that is now the connection's.
    fn bound(&mut self, established: Established) -> Option<Bound> {
        let account = established.account;
        if let Some((detached, request)) = self.resumed.take() {
            let resumed = Resumed {
                management: detached.management,
                held: detached.held,
                request,
            };
            return Some(Bound {
                registration: detached.registration,
                lang: detached.lang,
                account,
                resumed: Some(Box::new(resumed)),
            });
        }
        let registration = self.registration.take()?;
        Some(Bound {
            registration,
            lang: established.lang,
            account,
            resumed: None,
        })
    }

    /// Does what needs somebody else, and says what came of it.
    async fn effect(&mut self, effect: Output) -> Result<Input, Interrupt> {
        let cx = Rc::clone(&self.connection.cx);
        Ok(match effect {
            Output::QueryFeatures(state) => {
                self.stream.host = state.host;
                if state.authenticated {
                    return Ok(Input::Features(Vec::new(), Authority::Server));
                }
                let features = cx.plugins.stream_features(&self.stream);
                let features = self.in_time(features).await?;
                Input::Features(features, self.find_authority())
            }
            Output::LookUp(jid) => {
                let found = cx.server.accounts.credentials(&jid);
                match self.in_time(found).await? {
                    Ok(credentials) => Input::Credentials(credentials),
                    Err(error) => {
                        tracing::error!(%error, "cannot look up an account");
                        Input::EffectFailed
                    }
                }
            }
            Output::VerifyPassword { keys, password } => {
                let checked = cx
                    .server
                    .accounts
                    .hashing()
                    .run(move || check(keys.as_ref(), &password));
                match self.in_time(checked).await? {
                    Ok(right) => Input::PasswordVerified(right),
                    Err(_) => Input::EffectFailed,
                }
            }
            Output::Judge { username, password } => {
                let judged = auth_provider::judge(self.connection, username, password);
                Input::Judged(interruptible(self.deadline, &cx.stopping, judged).await?)
            }
            Output::FetchKeys { username, hash } => {
                let found = auth_provider::keys(self.connection, username, hash);
                match interruptible(self.deadline, &cx.stopping, found).await? {
                    Ok(found) => Input::Keys(found),
                    Err(Unavailable) => Input::EffectFailed,
                }
            }
            Output::Admit(jid) => {
                let admitted = auth_provider::admit(self.connection, &jid);
                Input::Admitted(interruptible(self.deadline, &cx.stopping, admitted).await?)
            }
            Output::PreAuth(request) => {
                let reply = pre_auth::answer(&cx, &self.stream, &request);
                let reply = self.in_time(reply).await?;
                self.stream.requests = self.stream.requests.saturating_add(1);
                Input::PreAuthReply(reply)
            }
            Output::Bind {
                account,
                jid,
                request,
            } => Input::Bound(self.bind(account, &jid, request).await?),
            Output::Resume {
                account,
                jid,
                resume,
            } => Input::Resumed(self.resume(account, &jid, resume).await?),
            // The rest is carried out where it is polled.
            _ => Input::EffectFailed,
        })
    }

    /// Who knows the accounts of the stream's host, from now on to its end.
    fn find_authority(&mut self) -> Authority {
        let found = self.connection.cx.plugins.auth_stream(&self.stream);
        self.connection.auth = found.map(Box::new);
        let provider = self.connection.auth.as_ref();
        provider.map_or(Authority::Server, |auth| {
            Authority::Provider(auth.abilities())
        })
    }

    /// Binds the resource. An account removed in between is found by looking after it was registered, since removal ends
    /// what is registered.
    async fn bind(
        &mut self,
        account: u64,
        jid: &BareJid,
        request: BindRequest,
    ) -> Result<Result<FullJid, StanzaError>, Interrupt> {
        let server = Arc::clone(&self.connection.cx.server);
        let binding = server.router.bind(jid, request.resource.as_deref());
        let registration = match self.in_time(binding).await? {
            Ok(registration) => registration,
            Err(error) => return Ok(Err(error)),
        };
        let active = self
            .in_time(server.accounts.is_active(jid, account))
            .await?;
        if !matches!(active, Ok(true)) {
            return Ok(Err(match active {
                Ok(_) => StanzaError::new(Condition::NotAllowed),
                Err(_) => StanzaError::temporary(),
            }));
        }
        let full = registration.handle().jid.clone();
        let told = server
            .router
            .inlet()
            .arrived(&full, registration.handle().id);
        self.in_time(told).await?;
        self.registration = Some(registration);
        Ok(Ok(full))
    }

    /// Takes over a session of the account.
    async fn resume(
        &mut self,
        account: u64,
        jid: &BareJid,
        request: Resume,
    ) -> Result<Result<FullJid, NotResumed>, Interrupt> {
        let server = Arc::clone(&self.connection.cx.server);
        let claimed = self.connection.resumptions.claim(&request.previd, account);
        // Not given up in the middle: a session that is handed over is to be in somebody's hands.
        let Some(detached) = claimed.await else {
            // A session that has just ended has asked for its note by now.
            let noted = server.offline.spool_queue().barrier(Some(jid.clone()));
            self.in_time(noted).await?;
            let known = server
                .accounts
                .streams()
                .handled(AccountId(account.cast_signed()), &request.previd);
            let handled = self.in_time(known).await?.unwrap_or_else(|error| {
                tracing::error!(%error, "cannot look up a stream");
                None
            });
            return Ok(Err(NotResumed {
                condition: Condition::ItemNotFound,
                handled,
            }));
        };
        let handle = detached.registration.handle();
        handle.set_hibernated(false);
        let full = handle.jid.clone();
        let is_own = full.to_bare() == *jid;
        self.resumed = Some((detached, request));
        Ok(if is_own {
            Ok(full)
        } else {
            Err(Condition::ItemNotFound.into())
        })
    }

    /// Does the handshake of TLS. `to` is the domain to which the stream was opened before STARTTLS; with TLS from the first
    /// byte there was none.
    async fn handshake(&mut self, to: Option<&str>) -> Result<(), Interrupt> {
        let server = Arc::clone(&self.connection.cx.server);
        let choose = |sni: Option<&str>| {
            let context = server.tls.context(sni, to);
            let config = match to {
                None => context.direct(),
                Some(_) => context.starttls(),
            };
            (Arc::clone(config), context)
        };
        let deadline = self.deadline;
        let stopping = self.connection.cx.stopping.clone();
        let context = tokio::select! {
            done = timeout_at(deadline, self.connection.io.secure(choose)) => {
                // A client that does not finish its handshake understands no words.
                done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?
            }
            () = stopping.cancelled() => return Err(Interrupt::Lost(io::ErrorKind::ConnectionAborted.into())),
        };
        if let Some(tls) = self.connection.io.tls() {
            let bindings = context.bindings(tls.get_ref().1);
            let version = if bindings.tls13 {
                TlsVersion::Tls13
            } else {
                TlsVersion::Tls12
            };
            self.stream.tls = Some(pre_auth::tls_version(version));
            self.machine.handle(Input::TlsEstablished(TlsInfo {
                version,
                exporter: bindings.exporter,
                end_point: bindings.end_point,
            }));
        }
        self.tls = Some(context);
        Ok(())
    }

    /// Reads. False at the end of the stream.
    async fn read(&mut self) -> Result<bool, Interrupt> {
        let deadline = self.deadline;
        let stopping = self.connection.cx.stopping.clone();
        let read = poll_fn(|cx| self.connection.poll_read(cx));
        Ok(interruptible(deadline, &stopping, read).await??)
    }

    async fn write_out(&mut self) -> Result<(), Interrupt> {
        let Connection {
            io, outbound, cx, ..
        } = &mut *self.connection;
        if !outbound.is_busy() {
            return Ok(());
        }
        let write = poll_fn(|cx| outbound.poll_write_out(cx, io));
        Ok(interruptible(self.deadline, &cx.stopping, write).await??)
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        interruptible(self.deadline, &self.connection.cx.stopping, work).await
    }

    /// Says why the stream ends, where there is somebody to hear it.
    async fn last_words(&mut self, interrupt: Interrupt) -> Failed {
        self.registration = None;
        if let Some((detached, _)) = self.resumed.take() {
            let cx = Rc::clone(&self.connection.cx);
            cx.spawn(hibernated::keep(Rc::clone(&cx), detached));
        }
        match interrupt {
            Interrupt::Deadline => self.machine.handle(Input::DeadlinePassed),
            Interrupt::Stopping => self.machine.handle(Input::ShuttingDown),
            Interrupt::Lost(error) => {
                tracing::debug!(%error, "connection lost while its stream was negotiated");
                return Failed::Lost;
            }
        }
        while let Some(output) = self.machine.poll() {
            if let Output::Send(bytes) = output {
                self.connection.outbound.push(&bytes);
            }
        }
        let Connection { io, outbound, .. } = &mut *self.connection;
        let write = poll_fn(|cx| outbound.poll_write_out(cx, io));
        match tokio::time::timeout(LAST_WORDS, write).await {
            Ok(Ok(())) => Failed::Said,
            // Nothing more can be done for a client that does not read.
            _ => Failed::Lost,
        }
    }
}

/// Checks a password; one for an account that does not exist takes as long.
fn check(keys: Option<&ScramKeys>, password: &str) -> bool {
    if let Some(keys) = keys {
        return sasl::verify_plain(keys, password);
    }
    sasl::burn(password);
    false
}

async fn interruptible<T>(
    deadline: TokioInstant,
    stopping: &tokio_util::sync::CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, Interrupt> {
    tokio::select! {
        biased;
        result = work => Ok(result),
        () = stopping.cancelled() => Err(Interrupt::Stopping),
        () = tokio::time::sleep_until(deadline) => Err(Interrupt::Deadline),
    }
}
