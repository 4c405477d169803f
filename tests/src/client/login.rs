//! From a connection to a bound session.

use anyhow::{Context, Result, bail, ensure};

use super::sasl::{self, Binding, Mechanism, Scram, decode, encode};
use super::{Client, ns};
use crate::tls::Version;
use crate::xml::{Element, escape};

/// Whom to log in, and how.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account's local part.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The server's domain.
    pub domain: String,
    /// The resource to ask for; the server chooses without one.
    pub resource: Option<String>,
    /// The mechanism.
    pub mechanism: Mechanism,
    /// Whether STARTTLS is negotiated first, and with which version.
    pub starttls: Option<Version>,
}

impl Login {
    /// SCRAM-SHA-256 after STARTTLS, for `user@localhost`, with the password that [`crate::Server::account`] gives.
    #[must_use]
    pub fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password_of(user),
            domain: "localhost".to_owned(),
            resource: None,
            mechanism: Mechanism::ScramSha256(Binding::None),
            starttls: Some(Version::V13),
        }
    }

    /// With another mechanism.
    #[must_use]
    pub fn by(mut self, mechanism: Mechanism) -> Self {
        self.mechanism = mechanism;
        self
    }

    /// With a resource.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// With another password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }
}

/// The password that the harness gives to an account.
#[must_use]
pub fn password_of(user: &str) -> String {
    format!("secret of {user}")
}

/// The mechanisms that stream features offer.
#[must_use]
pub fn mechanisms(features: &Element) -> Vec<String> {
    let offered = features.child("mechanisms", ns::SASL);
    offered.map_or_else(Vec::new, |offered| {
        offered
            .children
            .iter()
            .map(|mechanism| mechanism.text.clone())
            .collect()
    })
}

impl Client {
    /// Opens a stream and, if asked for, the one inside TLS; returns the features before authentication.
    pub async fn open_secure(
        &mut self,
        domain: &str,
        starttls: Option<Version>,
    ) -> Result<Element> {
        let (_, features) = self.open(domain).await?;
        let Some(version) = starttls else {
            return Ok(features);
        };
        ensure!(
            features.child("starttls", ns::TLS).is_some(),
            "STARTTLS is not offered: {features}"
        );
        self.starttls(domain, version).await?;
        Ok(self.open(domain).await?.1)
    }

    /// Does it all; returns the full JID.
    pub async fn log_in(&mut self, login: &Login) -> Result<String> {
        let features = self.open_secure(&login.domain, login.starttls).await?;
        ensure!(
            mechanisms(&features)
                .iter()
                .any(|name| name == login.mechanism.name()),
            "{} is not offered: {features}",
            login.mechanism.name()
        );
        self.authenticate(login)
            .await?
            .map_err(|condition| anyhow::anyhow!("authentication failed: {condition}"))?;
        let (_, features) = self.open(&login.domain).await?;
        ensure!(
            features.child("bind", ns::BIND).is_some(),
            "binding is not offered: {features}"
        );
        self.bind(login.resource.as_deref()).await
    }

    /// Authenticates on an open stream. The inner error is the condition of the server's `<failure/>`.
    pub async fn authenticate(&mut self, login: &Login) -> Result<std::result::Result<(), String>> {
        let (sha256, binding) = match login.mechanism {
            Mechanism::Plain => {
                let message = sasl::plain("", &login.user, &login.password);
                self.send(&auth(login.mechanism.name(), &message)).await?;
                return outcome(&self.element().await?).map(|result| result.map(drop));
            }
            Mechanism::ScramSha1(binding) => (false, binding),
            Mechanism::ScramSha256(binding) => (true, binding),
        };
        let (gs2, data) = self.binding(binding)?;
        let mut scram = Scram::new(sha256, gs2, &data, &login.user, &login.password)?;
        self.send(&auth(login.mechanism.name(), &encode(scram.first())))
            .await?;
        let challenge = self.element().await?;
        if !challenge.is("challenge", ns::SASL) {
            return outcome(&challenge)?.map_or_else(
                |condition| Ok(Err(condition)),
                |_| bail!("success without a challenge"),
            );
        }
        let answer = scram.respond(&String::from_utf8(decode(&challenge.text)?)?)?;
        self.send(&response(&encode(answer))).await?;
        match outcome(&self.element().await?)? {
            Ok(last) => {
                scram.verify(&last)?;
                Ok(Ok(()))
            }
            Err(condition) => Ok(Err(condition)),
        }
    }

    /// The gs2 header and the data for a binding on this connection.
    pub fn binding(&self, binding: Binding) -> Result<(&'static str, Vec<u8>)> {
        let bindings = || self.bindings().context("channel binding needs TLS");
        Ok(match binding {
            Binding::None => ("n,,", Vec::new()),
            Binding::ClientOnly => ("y,,", Vec::new()),
            Binding::Exporter => (
                "p=tls-exporter,,",
                bindings()?
                    .exporter
                    .clone()
                    .context("no exporter before TLS 1.3")?,
            ),
            Binding::EndPoint => ("p=tls-server-end-point,,", bindings()?.end_point.clone()),
        })
    }

    /// Binds a resource; returns the full JID.
    pub async fn bind(&mut self, resource: Option<&str>) -> Result<String> {
        let answer = self.iq("set", "", &bind_request(resource)).await?;
        ensure!(
            answer.attr("type") == Some("result"),
            "binding failed: {answer}"
        );
        let jid = answer
            .child("bind", ns::BIND)
            .and_then(|bind| bind.child_text("jid"));
        Ok(jid
            .with_context(|| format!("no JID in {answer}"))?
            .to_owned())
    }

    /// Sends initial presence and waits until it came back, so that messages to the bare JID arrive here.
    pub async fn be_present(&mut self, full_jid: &str) -> Result<()> {
        self.send("<presence/>").await?;
        self.wait_for("our own presence", |element| {
            element.is("presence", ns::CLIENT)
                && element.attr("from") == Some(full_jid)
                && element.attr("type").is_none()
        })
        .await
        .map(drop)
    }
}

/// The payload of a request to bind.
#[must_use]
pub fn bind_request(resource: Option<&str>) -> String {
    match resource {
        Some(resource) => format!(
            "<bind xmlns='{}'><resource>{}</resource></bind>",
            ns::BIND,
            escape(resource)
        ),
        None => format!("<bind xmlns='{}'/>", ns::BIND),
    }
}

/// `<auth/>` with an initial response, encoded by the caller.
#[must_use]
pub fn auth(mechanism: &str, encoded: &str) -> String {
    format!(
        "<auth xmlns='{}' mechanism='{mechanism}'>{encoded}</auth>",
        ns::SASL
    )
}

/// `<response/>`, encoded by the caller.
#[must_use]
pub fn response(encoded: &str) -> String {
    format!("<response xmlns='{}'>{encoded}</response>", ns::SASL)
}

/// `Ok`: the text of `<success/>`, decoded; `Err`: the condition of `<failure/>`.
pub fn outcome(element: &Element) -> Result<std::result::Result<String, String>> {
    if element.is("success", ns::SASL) {
        return Ok(Ok(String::from_utf8(decode(&element.text)?)?));
    }
    ensure!(
        element.is("failure", ns::SASL),
        "authentication was answered by {element}"
    );
    let condition = element
        .children
        .iter()
        .find(|child| child.name != "text")
        .context("a failure without a condition")?;
    Ok(Err(condition.name.clone()))
}
