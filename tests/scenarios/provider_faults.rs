//! Providers of rosters and of sessions that trap, loop, talk nonsense, take too long, or come and go: whoever waits gets an error of
//! type wait, everybody else is served, and no message is lost. The fixture `failing-provider` fails as names say.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::net::TcpListener;
use tokio::sync::watch;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, Server, environment};

use crate::contacts::Online;

const ROSTER: &str = "jabber:iq:roster";
const WAIT: &str = "wait/internal-server-error";
const GRANTS: &str = "[\"roster-provider\", \"session-provider\", \"http-client\"]";

async fn server(more: &str) -> Result<Server> {
    let component = environment::guest("fixtures/failing-provider.wasm")?;
    let config = format!("[plugin.failing-provider]\ngrants = {GRANTS}\n{more}");
    let settings = Settings::new().plugin(&component, "failing-provider");
    settings.config(&config).start().await
}

async fn log_in(server: &Server, user: &str, resource: &str) -> Result<Client> {
    server.account(user).await?;
    let login = Login::new(user).resource(resource);
    Ok(server.log_in(&login).await?.0)
}

/// The error that the server has for somebody who asks for the roster, if it has one.
async fn get(client: &mut Client) -> Result<Option<String>> {
    let query = format!("<query xmlns='{ROSTER}'/>");
    Ok(client.iq("get", "", &query).await?.stanza_error())
}

/// Good calls enough that a failing one is no reason to do without the plugin.
async fn go_on(client: &mut Client) -> Result<()> {
    for _ in 0..8 {
        ensure!(get(client).await?.is_none(), "others are not served");
    }
    Ok(())
}

/// The error that a stanza of that id comes back with.
async fn error(client: &mut Client, id: &str) -> Result<Option<String>> {
    let came = client.wait_for("the error", |one| one.attr("id") == Some(id));
    Ok(came.await?.stanza_error())
}

#[tokio::test]
async fn a_roster_provider_that_fails_over_one_account_serves_the_others() -> Result<()> {
    let server = server("").await?;
    let mut good = log_in(&server, "good", "r").await?;
    for name in ["trap", "loop", "twice", "nowhere", "long", "version"] {
        let mut client = log_in(&server, name, "r").await?;
        assert_eq!(get(&mut client).await?.as_deref(), Some(WAIT), "{name}");
        go_on(&mut good).await?;
        // Nobody is told that one is there whose contacts nobody knows.
        client.send("<presence id='p'/>").await?;
        assert_eq!(
            error(&mut client, "p").await?.as_deref(),
            Some(WAIT),
            "{name}"
        );
        go_on(&mut good).await?;
    }
    // An answer about somebody else is none, and changes nothing.
    let item = format!("<query xmlns='{ROSTER}'><item jid='nurse@localhost'/></query>");
    let answer = good.iq("set", "", &item).await?;
    assert_eq!(answer.stanza_error().as_deref(), Some(WAIT));
    go_on(&mut good).await?;
    assert!(!server.has_panicked());
    server.stop().await
}

#[tokio::test]
async fn a_session_provider_that_fails_over_one_account_serves_the_others() -> Result<()> {
    let server = server("").await?;
    server.account("juliet").await?;
    let mut good = log_in(&server, "good", "r").await?;
    good.send("<presence/>").await?;
    go_on(&mut good).await?;
    for resource in ["trap", "loop"] {
        let refused = server
            .log_in(&Login::new("juliet").resource(resource))
            .await;
        let refused = format!("{:#}", refused.err().context("bound all the same")?);
        assert!(refused.contains("internal-server-error"), "{refused}");
        go_on(&mut good).await?;
    }
    for (name, is_delivered) in [
        ("trap", false),
        ("loop", false),
        ("many", false),
        ("ghosts", true),
    ] {
        let mut client = log_in(&server, name, "r").await?;
        if is_delivered {
            client.send("<presence/>").await?;
            get(&mut client).await?;
        }
        let message =
            format!("<message to='{name}@localhost' type='chat' id='m'><body>x</body></message>");
        good.send(&message).await?;
        if is_delivered {
            // What is recorded and not connected gets nothing, and keeps nobody from anything.
            assert_eq!(client.message().await?.1, "x", "{name}");
        } else {
            assert_eq!(
                error(&mut good, "m").await?.as_deref(),
                Some(WAIT),
                "{name}"
            );
        }
        go_on(&mut good).await?;
    }
    assert!(!server.has_panicked());
    server.stop().await
}

/// The two sides of a word are kept one after the other. Where only the first was, the word is said again and heard, though it changes
/// nothing any more where it is said; and so is a removal.
#[tokio::test]
async fn what_one_side_alone_has_kept_reaches_the_other_when_it_is_said_again() -> Result<()> {
    let server = server(
        "[[host]]\ndomain = \"other.localhost\"\n[host.plugin.failing-provider]\nprovider = false",
    )
    .await?;
    switch(&server, "disable").await?;
    server.account_at("juliet", "other.localhost").await?;
    // Its provider fails, while there is one.
    let mut trap = Online::new(&server, "trap").await?;
    let login = Login {
        domain: "other.localhost".to_owned(),
        ..Login::new("juliet").resource("r")
    };
    let (client, _) = server.log_in(&login).await?;
    let mut juliet = Online { client };
    juliet.roster().await?;
    juliet.client.send("<presence/>").await?;
    trap.heard().await?;
    trap.say("subscribe", "juliet@other.localhost").await?;
    trap.heard().await?;
    juliet.heard().await?;

    let granted = "<presence type='subscribed' to='trap@localhost' id='s'/>";
    switch(&server, "enable").await?;
    juliet.client.send(granted).await?;
    let refused = error(&mut juliet.client, "s").await?;
    assert_eq!(refused.as_deref(), Some(WAIT));
    assert_eq!(juliet.roster().await?, ["trap from"]);
    switch(&server, "disable").await?;
    assert_eq!(trap.roster().await?, ["juliet@other.localhost none ask"]);
    trap.heard().await?;
    juliet.client.send(granted).await?;
    juliet.heard().await?;
    assert_eq!(
        trap.heard().await?,
        [
            "subscribed juliet@other.localhost",
            "push juliet@other.localhost to"
        ]
    );
    // Both sides agree: nobody notices.
    juliet.client.send(granted).await?;
    assert_eq!(juliet.heard().await?, [""; 0]);
    assert_eq!(trap.heard().await?, [""; 0]);

    let removed = "<item jid='trap@localhost' subscription='remove'/>";
    switch(&server, "enable").await?;
    assert_eq!(juliet.set(removed).await?, None);
    switch(&server, "disable").await?;
    assert_eq!(trap.roster().await?, ["juliet@other.localhost to"]);
    trap.heard().await?;
    let again = juliet.set(removed).await?;
    assert_eq!(again.as_deref(), Some("cancel/item-not-found"));
    assert_eq!(
        trap.heard().await?,
        [
            "unsubscribed juliet@other.localhost",
            "push juliet@other.localhost none"
        ]
    );
    server.stop().await
}

async fn switch(server: &Server, command: &str) -> Result<()> {
    let switched = server.cli(&["plugin", command, "failing-provider"]).await?;
    ensure!(switched.code == Some(0), "{}", switched.stderr);
    Ok(())
}

/// Ten seconds are the limit. Meanwhile nobody else waits.
#[tokio::test]
async fn who_waits_for_a_slow_provider_is_answered_and_nobody_else_waits() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", silent.local_addr()?);
    // Connections are taken and kept.
    let listening = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            taken.push(connection);
        }
    });
    let server = server(&format!("http_hosts = [\"{url}\"]\nconfig.url = \"{url}\"")).await?;
    let mut good = log_in(&server, "good", "r").await?;
    let mut slow = log_in(&server, "slow", "r").await?;
    let bind = async {
        let bound = server.log_in(&Login::new("good").resource("slow")).await;
        bound.err().map(|error| format!("{error:#}"))
    };
    let roster = get(&mut slow);
    let others = async {
        let message = "<message to='slow@localhost' type='chat' id='m'><body>x</body></message>";
        good.send(message).await?;
        error(&mut good, "m").await
    };
    let mut third = log_in(&server, "third", "r").await?;
    let (slow_roster, slow_message, slow_bind, served) =
        tokio::join!(roster, others, bind, async {
            let begun = std::time::Instant::now();
            go_on(&mut third).await?;
            anyhow::Ok(begun.elapsed())
        });
    assert_eq!(slow_roster?.as_deref(), Some(WAIT));
    assert_eq!(slow_message?.as_deref(), Some(WAIT));
    // A claim that nobody answered in time is none.
    let error = slow_bind.context("bound all the same")?;
    assert!(error.contains("internal-server-error"), "{error}");
    assert!(served? < Duration::from_secs(8), "others had to wait");
    listening.abort();
    server.stop().await
}

/// How many messages each sends.
const MESSAGES: u32 = 60;

/// Sends messages to another, and does something to its roster and presence with each.
async fn talk(client: &mut Client, to: &str) -> Result<()> {
    for number in 0..MESSAGES {
        let message = format!(
            "<message to='{to}@localhost' type='chat' id='m{number}'><body>{number}</body></message>"
        );
        client.send(&message).await?;
        client
            .send("<presence><show>away</show></presence>")
            .await?;
        let item = format!("<item jid='contact{number}@localhost'/>");
        let query = format!("<query xmlns='{ROSTER}'>{item}</query>");
        let answer = client.iq("set", "", &query).await?;
        let error = answer.stanza_error();
        ensure!(
            error.as_deref().is_none_or(|error| error == WAIT),
            "{error:?}"
        );
    }
    Ok(())
}

/// The messages that have come, and those of the client's own that came back.
async fn settled(client: &mut Client) -> Result<(Vec<String>, Vec<String>)> {
    client
        .send("<iq type='get' id='behind' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    let (mut come, mut back) = (Vec::new(), Vec::new());
    loop {
        let element = client.element().await?;
        let id = element.attr("id").unwrap_or_default().to_owned();
        match element.stanza_error() {
            _ if id == "behind" => return Ok((come, back)),
            _ if element.name != "message" => {}
            None => come.push(id),
            Some(error) if error == WAIT => back.push(id),
            Some(error) => bail!("{error}"),
        }
    }
}

// seeds: H5
/// Both providers come and go while two users talk: each request has its answer, and each message is there once, or came back.
#[tokio::test]
async fn no_message_is_lost_while_providers_come_and_go() -> Result<()> {
    let mut settings = Settings::new();
    for name in ["stored-roster", "stored-sessions"] {
        let component = environment::guest(&format!("examples/{name}.wasm"))?;
        settings = settings.plugin(&component, name);
    }
    let grants = "[plugin.stored-roster]\ngrants = [\"roster-provider\", \"storage\"]\n\
        [plugin.stored-sessions]\ngrants = [\"session-provider\", \"storage\", \"sessions\"]";
    let server = settings.config(grants).start().await?;
    let mut juliet = log_in(&server, "juliet", "r").await?;
    let mut romeo = log_in(&server, "romeo", "r").await?;
    for client in [&mut juliet, &mut romeo] {
        client.send("<presence/>").await?;
        get(client).await?;
    }
    let (done, is_done) = watch::channel(false);
    let come_and_go = async {
        let mut switches = 0;
        while !*is_done.borrow() || switches % 2 == 1 {
            let command = ["disable", "enable"][switches % 2];
            for name in ["stored-roster", "stored-sessions"] {
                let said = server.cli(&["plugin", command, name]).await?;
                ensure!(said.code == Some(0), "{}", said.stderr);
            }
            switches += 1;
        }
        anyhow::Ok(switches)
    };
    let talking = async {
        let talked = tokio::join!(talk(&mut juliet, "romeo"), talk(&mut romeo, "juliet"));
        // Whoever comes and goes waits for it.
        let _ = done.send(true);
        talked.0.and(talked.1)
    };
    let (switches, talked) = tokio::join!(come_and_go, talking);
    talked?;
    assert!(switches? >= 2);
    let (to_juliet, back_to_juliet) = settled(&mut juliet).await?;
    let (to_romeo, back_to_romeo) = settled(&mut romeo).await?;
    for (came, back) in [(to_juliet, back_to_romeo), (to_romeo, back_to_juliet)] {
        let number = |id: &String| id.trim_start_matches('m').parse::<u32>().ok();
        assert!(came.iter().map(number).is_sorted(), "{came:?}");
        let mut all: Vec<_> = came.iter().chain(&back).filter_map(number).collect();
        all.sort_unstable();
        assert_eq!(all, (0..MESSAGES).collect::<Vec<_>>(), "{back:?}");
    }
    server.stop().await
}
