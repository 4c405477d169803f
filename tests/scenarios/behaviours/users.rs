//! Behaviours 30 to 39: accounts, rosters, subscriptions and presence (RFC 6121), each shown by dialogues.

use anyhow::Result;

use super::dialogues;

/// §8.5.1
#[tokio::test]
async fn behaviour_30_an_account_that_does_not_exist() -> Result<()> {
    dialogues(&["iq_05", "message_08", "presence_18", "presence_12"]).await
}

/// §8.5.2.1.1
#[tokio::test]
async fn behaviour_31_messages_to_an_account_by_their_types() -> Result<()> {
    dialogues(&[
        "message_01",
        "message_02",
        "message_03",
        "message_04",
        "message_05",
        "message_06",
    ])
    .await
}

/// §8.5.2.1.3
#[tokio::test]
async fn behaviour_32_requests_to_an_account_are_answered_by_the_server() -> Result<()> {
    dialogues(&["iq_01"]).await
}

/// §8.5.3.1
#[tokio::test]
async fn behaviour_33_requests_reach_a_resource_from_those_who_share_its_presence() -> Result<()> {
    dialogues(&["iq_02", "iq_03", "iq_04", "iq_06", "iq_10", "roster_12"]).await
}

/// §8.5.3.2
#[tokio::test]
async fn behaviour_34_a_resource_that_is_not_there() -> Result<()> {
    dialogues(&[
        "message_07",
        "iq_05",
        "presence_09",
        "presence_16",
        "presence_18",
    ])
    .await
}

/// §2.1.5, §2.3.3, §2.5.2, §2.5.3
#[tokio::test]
async fn behaviour_35_faults_of_roster_sets_and_what_follows_from_removal() -> Result<()> {
    dialogues(&[
        "roster_04",
        "roster_05",
        "roster_06",
        "roster_07",
        "roster_08",
        "subscription_15",
        "subscription_16",
    ])
    .await
}

/// §2.2, §2.6.3
#[tokio::test]
async fn behaviour_36_pushes_go_to_interested_resources_with_versions() -> Result<()> {
    dialogues(&["roster_02", "roster_03", "roster_09"]).await
}

/// §3.1.2, §3.1.3, §3.1.6
#[tokio::test]
async fn behaviour_37_requests_for_presence_are_kept_and_shown_and_approvals_come_first()
-> Result<()> {
    dialogues(&[
        "subscription_01",
        "subscription_06",
        "subscription_07",
        "subscription_08",
        "subscription_09",
    ])
    .await
}

/// §4.2.2, §4.5.2, §4.6.3
#[tokio::test]
async fn behaviour_38_presence_comes_back_to_its_sender_and_ends_with_it() -> Result<()> {
    dialogues(&[
        "presence_01",
        "presence_05",
        "presence_06",
        "presence_07",
        "presence_08",
        "presence_09",
        "presence_10",
    ])
    .await
}

/// §4.3.2
#[tokio::test]
async fn behaviour_39_probes_show_what_the_prober_may_see() -> Result<()> {
    dialogues(&["presence_12", "presence_13", "presence_14", "presence_15"]).await
}
