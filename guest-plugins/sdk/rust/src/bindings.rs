//! What is generated from `wit/`: one module for each world, so that a plugin exports only the interfaces that it
//! implements. The types are generated once, in `lifecycle`, and shared by the others.
#![expect(missing_docs, clippy::pedantic, reason = "generated code")]

/// The world of every plugin: all imports, and the export `lifecycle`.
pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "with-lifecycle",
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
        default_bindings_module: "waxwing_plugin::bindings::lifecycle",
        generate_all,
    });
}

macro_rules! world {
    ($module:ident, $world:literal, $export:literal, $path:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../../wit",
                world: $world,
                pub_export_macro: true,
                export_macro_name: $export,
                default_bindings_module: $path,
                with: {
                    "waxwing:plugin/types@0.2.0": crate::bindings::lifecycle::waxwing::plugin::types,
                    "waxwing:plugin/stanzas@0.2.0": crate::bindings::lifecycle::waxwing::plugin::stanzas,
                    "waxwing:plugin/accounts@0.2.0": crate::bindings::lifecycle::waxwing::plugin::accounts,
                    "waxwing:plugin/prepare@0.2.0": crate::bindings::lifecycle::waxwing::plugin::prepare,
                    "waxwing:plugin/memory@0.2.0": crate::bindings::lifecycle::waxwing::plugin::memory,
                    "waxwing:plugin/storage@0.2.0": crate::bindings::lifecycle::waxwing::plugin::storage,
                    "waxwing:plugin/router@0.2.0": crate::bindings::lifecycle::waxwing::plugin::router,
                    "waxwing:plugin/events@0.2.0": crate::bindings::lifecycle::waxwing::plugin::events,
                    "waxwing:plugin/timers@0.2.0": crate::bindings::lifecycle::waxwing::plugin::timers,
                    "waxwing:plugin/sessions@0.2.0": crate::bindings::lifecycle::waxwing::plugin::sessions,
                    "waxwing:plugin/contacts@0.2.0": crate::bindings::lifecycle::waxwing::plugin::contacts,
                    "waxwing:plugin/roster@0.2.0": crate::bindings::lifecycle::waxwing::plugin::roster,
                    "waxwing:plugin/disco@0.2.0": crate::bindings::lifecycle::waxwing::plugin::disco,
                    "waxwing:plugin/config@0.2.0": crate::bindings::lifecycle::waxwing::plugin::config,
                    "waxwing:plugin/log@0.2.0": crate::bindings::lifecycle::waxwing::plugin::log,
                    "waxwing:plugin/metrics@0.2.0": crate::bindings::lifecycle::waxwing::plugin::metrics,
                    "waxwing:plugin/clock@0.2.0": crate::bindings::lifecycle::waxwing::plugin::clock,
                    "waxwing:plugin/random@0.2.0": crate::bindings::lifecycle::waxwing::plugin::random,
                    "waxwing:plugin/http-client@0.2.0": crate::bindings::lifecycle::waxwing::plugin::http_client,
                },
            });
        }
    };
}

world!(
    inbound,
    "with-inbound",
    "export_inbound",
    "waxwing_plugin::bindings::inbound"
);
world!(
    deliver,
    "with-deliver",
    "export_deliver",
    "waxwing_plugin::bindings::deliver"
);
world!(
    offline,
    "with-offline",
    "export_offline",
    "waxwing_plugin::bindings::offline"
);
world!(
    presence,
    "with-presence",
    "export_presence",
    "waxwing_plugin::bindings::presence"
);
world!(
    roster_hook,
    "with-roster-hook",
    "export_roster_hook",
    "waxwing_plugin::bindings::roster_hook"
);
world!(
    iq_handler,
    "with-iq-handler",
    "export_iq_handler",
    "waxwing_plugin::bindings::iq_handler"
);
world!(
    pre_auth,
    "with-pre-auth",
    "export_pre_auth",
    "waxwing_plugin::bindings::pre_auth"
);
world!(
    component,
    "with-component",
    "export_component",
    "waxwing_plugin::bindings::component"
);
world!(
    reply_handler,
    "with-reply-handler",
    "export_reply_handler",
    "waxwing_plugin::bindings::reply_handler"
);
world!(
    timer_handler,
    "with-timer-handler",
    "export_timer_handler",
    "waxwing_plugin::bindings::timer_handler"
);
world!(
    account_events,
    "with-account-events",
    "export_account_events",
    "waxwing_plugin::bindings::account_events"
);
world!(
    session_events,
    "with-session-events",
    "export_session_events",
    "waxwing_plugin::bindings::session_events"
);
world!(
    plugin_events,
    "with-plugin-events",
    "export_plugin_events",
    "waxwing_plugin::bindings::plugin_events"
);
world!(
    registration_veto,
    "with-registration-veto",
    "export_registration_veto",
    "waxwing_plugin::bindings::registration_veto"
);
world!(
    password_veto,
    "with-password-veto",
    "export_password_veto",
    "waxwing_plugin::bindings::password_veto"
);
world!(
    removal_veto,
    "with-removal-veto",
    "export_removal_veto",
    "waxwing_plugin::bindings::removal_veto"
);
world!(
    auth_provider,
    "with-auth-provider",
    "export_auth_provider",
    "waxwing_plugin::bindings::auth_provider"
);
world!(
    roster_provider,
    "with-roster-provider",
    "export_roster_provider",
    "waxwing_plugin::bindings::roster_provider"
);
world!(
    session_provider,
    "with-session-provider",
    "export_session_provider",
    "waxwing_plugin::bindings::session_provider"
);
