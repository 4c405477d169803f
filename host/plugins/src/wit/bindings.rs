//! What is generated from `wit/`: the imports as traits for the host to implement, the exports as typed functions to
//! call. Each exported interface is bound by itself, since a component exports only those that it serves.
#![expect(clippy::all, clippy::restriction, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    imports: {
        "waxwing:plugin/accounts": async | trappable,
        "waxwing:plugin/storage": async | trappable,
        "waxwing:plugin/http-client": async | trappable,
        "waxwing:plugin/roster": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "waxwing:plugin/stanzas.stanza": crate::wit::resources::HostStanza,
        "waxwing:plugin/stanzas.element": crate::wit::resources::HostElement,
        "waxwing:plugin/stanzas.draft": crate::wit::resources::HostDraft,
    },
});
