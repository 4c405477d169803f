//! The import `storage`: what lasts, for whom, and how much.

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::{Login, environment};

use super::{act, act_as, failing, server, step, with_actor};

/// An answer means that the data is on the disk.
#[tokio::test]
async fn what_a_plugin_stored_survives_kill_9() -> Result<()> {
    let mut server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    act(
        &mut romeo,
        "<put key='kept' value='yes'/><append log='l' value='first'/>",
    )
    .await?;
    act(&mut romeo, "<append log='l' value='second'/>").await?;
    server.kill().await?;
    server.start_again().await?;
    let (mut romeo, _) = server.log_in(&Login::new("romeo")).await?;
    let answers = act(&mut romeo, "<get key='kept'/><log log='l'/>").await?;
    assert_eq!(answers, ["yes", "first|second"]);
    server.stop().await
}

// seeds: R11
/// What is kept about an account goes with it, and a new account of that name begins with nothing.
#[tokio::test]
async fn removal_of_an_account_purges_what_plugins_keep_about_it() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (juliet, _) = server.session("juliet").await?;
    let put = "<put key='k' value='hers' of='juliet@localhost'/><put key='k' value='own'/>\
               <append log='l' value='hers' of='juliet@localhost'/>";
    act(&mut romeo, put).await?;
    let get =
        "<get key='k' of='juliet@localhost'/><get key='k'/><log log='l' of='juliet@localhost'/>";
    assert_eq!(act(&mut romeo, get).await?, ["hers", "own", "hers"]);
    drop(juliet);
    let removed = server.cli(&["user", "remove", "juliet@localhost"]).await?;
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    assert_eq!(
        act(&mut romeo, get).await?,
        [
            "!StorageError::NoSuchAccount",
            "own",
            "!StorageError::NoSuchAccount"
        ]
    );
    server.account("juliet").await?;
    assert_eq!(act(&mut romeo, get).await?, ["(none)", "own", ""]);
    server.stop().await
}

/// Two plugins use the same keys and do not meet.
#[tokio::test]
async fn each_plugin_has_a_storage_of_its_own() -> Result<()> {
    let settings = with_actor(Settings::new(), "actor")?;
    let server = with_actor(settings, "actor-2")?.start().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    act(&mut romeo, "<put key='../k' value='first'/>").await?;
    act_as(&mut romeo, "actor-2", "<put key='../k' value='second'/>").await?;
    assert_eq!(step(&mut romeo, "<get key='../k'/>").await?, "first");
    server.stop().await
}

#[tokio::test]
async fn what_exceeds_a_limit_is_refused_and_the_rest_is_kept() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    act(&mut romeo, "<put key='kept' value='yes'/>").await?;
    let long = "k".repeat(513);
    let steps = format!(
        "<put key='' value='v'/><put key='{long}' value='v'/><put key='big' value='vvvvvvvv' times='131073'/>\
         <put key='k' value='v' of='nobody@localhost'/><put key='k' value='v' of='romeo@elsewhere'/>"
    );
    let answers = act(&mut romeo, &steps).await?;
    for (answer, expected) in answers.iter().zip([
        "Invalid",
        "Invalid",
        "Invalid",
        "NoSuchAccount",
        "NoSuchAccount",
    ]) {
        assert!(answer.contains(expected), "{answers:?}");
    }
    // More than the quota of 10,000 keys: the call that goes beyond it is refused as a whole.
    for page in 0..9 {
        act(&mut romeo, &format!("<fill prefix='{page}-' keys='1100'/>")).await?;
    }
    let last = "<fill prefix='last-' keys='200'/>";
    assert_eq!(failing(&mut romeo, last).await?, "wait/resource-constraint");
    let after = act(&mut romeo, "<get key='kept'/><scan prefix='last'/><used/>").await?;
    assert_eq!(after[..2], ["yes", ""]);
    assert!(after[2].starts_with("9901 keys"), "{after:?}");
    server.stop().await
}

/// Of any number of calls that expect the same value one succeeds, at once.
#[tokio::test]
async fn compare_and_set_succeeds_once() -> Result<()> {
    let server = server().await?;
    let mut trying = tokio::task::JoinSet::new();
    for n in 0..10 {
        let (mut client, _) = server.session(&format!("user{n}")).await?;
        trying.spawn(async move { step(&mut client, &format!("<swap key='k' new='{n}'/>")).await });
    }
    let mut won = 0;
    while let Some(tried) = trying.join_next().await {
        won += usize::from(tried?? == "true");
    }
    assert_eq!(won, 1);
    server.stop().await
}

/// Without the grant nothing is stored, and the error says why.
#[tokio::test]
async fn without_the_grant_there_is_no_storage() -> Result<()> {
    let component = environment::guest("fixtures/actor.wasm")?;
    let server = Settings::new()
        .plugin(&component, "actor")
        .config("[plugin.actor]\ngrants = [\"iq-handler\"]")
        .start()
        .await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let steps = "<put key='k' value='v'/><get key='k'/><used/><publish name='told'/><sessions/><create user='eve'/>\
                 <send>&lt;message from='localhost' to='romeo@localhost'/></send>";
    for answer in act(&mut romeo, steps).await? {
        assert!(
            answer.contains("NotGranted") || answer.contains("not-granted"),
            "{answer}"
        );
    }
    server.stop().await
}
