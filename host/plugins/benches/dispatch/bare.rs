//! The same guests in bare wasmtime, with just what they call.

use std::path::Path;

use wasmtime::component::{Component, Linker, Resource, ResourceTable, ResourceType};
use wasmtime::{Config, Engine, Store, StoreContextMut};
use waxwing_xmpp::ns;
use waxwing_xmpp::stanza::Stanza;

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "with-inbound",
    exports: { default: async },
    with: { "waxwing:plugin/stanzas.stanza": super::bare::Lent },
});

use exports::waxwing::plugin::inbound;
use waxwing::plugin::stanzas::Draft;

/// A stanza that is lent to the guest.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Lent(Stanza);

/// A guest in a store of its own.
pub(crate) struct Bare {
    store: Store<ResourceTable>,
    guest: inbound::Guest,
    lent: Option<u32>,
}

impl Bare {
    /// Loads a component and initialises it.
    pub(crate) async fn load(file: &Path) -> Self {
        let mut config = Config::new();
        config.wasm_component_model(true).concurrency_support(false);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::from_file(&engine, file).expect("a component");
        let linker = linker(&engine, &component);
        let mut store = Store::new(&engine, ResourceTable::new());
        let pre = linker.instantiate_pre(&component).expect("all imports");
        let instance = pre
            .instantiate_async(&mut store)
            .await
            .expect("an instance");
        let init = instance
            .get_export_index(&mut store, None, "waxwing:plugin/lifecycle@0.2.0")
            .and_then(|lifecycle| instance.get_export_index(&mut store, Some(&lifecycle), "init"))
            .expect("`init`");
        let init = instance.get_func(&mut store, init).expect("a function");
        let hosts = wasmtime::component::Val::List(Vec::new());
        let scope = wasmtime::component::Val::Record(vec![("hosts".to_owned(), hosts)]);
        let mut ready = [wasmtime::component::Val::Bool(false)];
        init.call_async(&mut store, &[scope], &mut ready)
            .await
            .expect("`init` returns");
        let guest = inbound::GuestIndices::new(&pre).expect("the export");
        let guest = guest.load(&mut store, &instance).expect("the export");
        Self {
            store,
            guest,
            lent: None,
        }
    }

    /// Makes the handle that the calls use.
    pub(crate) fn lend(&mut self, stanza: &Stanza) {
        let handle = self.store.data_mut().push(Lent(stanza.clone()));
        self.lent = Some(handle.expect("room in the table").rep());
    }

    /// Calls `filter` on the caller's own stack, where it could wait for nothing.
    pub(crate) fn call_here(&mut self) {
        let handle = Resource::new_borrow(self.lent.expect("a handle"));
        let filter = self.guest.func_filter();
        let verdict = filter.call(&mut self.store, (handle,));
        assert!(
            matches!(verdict, Ok((inbound::Verdict::Pass,))),
            "{verdict:?}"
        );
    }

    /// Calls `filter`.
    pub(crate) async fn call(&mut self) {
        let handle = Resource::new_borrow(self.lent.expect("a handle"));
        let verdict = self.guest.call_filter(&mut self.store, handle).await;
        assert!(matches!(verdict, Ok(inbound::Verdict::Pass)), "{verdict:?}");
    }
}

fn linker(engine: &Engine, component: &Component) -> Linker<ResourceTable> {
    type Context<'a> = StoreContextMut<'a, ResourceTable>;
    let mut linker = Linker::new(engine);
    linker
        .define_unknown_imports_as_traps(component)
        .expect("traps for all imports");
    linker.allow_shadowing(true);
    let mut stanzas = linker
        .instance("waxwing:plugin/stanzas@0.2.0")
        .expect("the interface");
    stanzas
        .resource("stanza", ResourceType::host::<Lent>(), |_, _| Ok(()))
        .expect("the resource");
    stanzas
        .resource("draft", ResourceType::host::<Draft>(), |_, _| Ok(()))
        .expect("the resource");
    stanzas
        .func_wrap(
            "[method]stanza.sender",
            |store: Context<'_>, (this,): (Resource<Lent>,)| {
                let stanza = &store.data().get(&this)?.0;
                Ok((stanza.from().map(ToString::to_string),))
            },
        )
        .expect("the method");
    stanzas
        .func_wrap(
            "[method]stanza.body",
            |store: Context<'_>, (this,): (Resource<Lent>,)| {
                let stanza = &store.data().get(&this)?.0;
                let body = stanza.element().child("body", ns::CLIENT);
                Ok((body.map(|body| body.text().into_owned()),))
            },
        )
        .expect("the method");
    linker
}
