//! The functions of WASI with nothing behind them. Each answers by the type of its result: a list is empty, an optional
//! value is none, a result is the error that says no. What has no such answer ends the call.

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{LinkerInstance, Resource, Val};

use super::Nothing;
use crate::fault::Fault;
use crate::instance::state::State;

/// The errors that say no, by the names that WASI's interfaces have for them: sockets, files, files, streams.
const REFUSALS: [&str; 4] = ["access-denied", "access", "not-permitted", "closed"];

/// Links a function by a refusal.
pub(super) fn link(
    linker: &mut LinkerInstance<'_, State>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<()> {
    let name = format!("{interface}.{function}");
    // The network is a token that every function on sockets asks for; it is those that refuse.
    if function == "instance-network" {
        return linker.func_wrap(function, |mut store: StoreContextMut<'_, State>, (): ()| {
            store.data_mut().charge()?;
            Ok((Resource::<Nothing>::new_own(0),))
        });
    }
    linker.func_new_async(function, move |mut store, of, params, results| {
        let name = name.clone();
        Box::new(async move {
            store.data_mut().charge()?;
            // What the guest lent for the call is given back, as typed functions do by themselves.
            for param in params {
                if let Val::Resource(lent) = param {
                    lent.resource_drop_async(&mut store).await?;
                }
            }
            match (results, answer(&of)) {
                ([result], Some(answer)) => {
                    *result = answer;
                    Ok(())
                }
                _ => Err(Fault::Trap(format!(
                    "it called `{name}`, behind which there is nothing here"
                ))
                .into()),
            }
        })
    })
}

/// What a function answers, if its type has an answer that says there is nothing.
fn answer(of: &ComponentFunc) -> Option<Val> {
    match of.results().next()? {
        Type::List(_) => Some(Val::List(Vec::new())),
        Type::Option(_) => Some(Val::Option(None)),
        Type::Result(result) => match result.err() {
            Some(error) => refusal(&error).map(|error| Val::Result(Err(Some(Box::new(error))))),
            None => Some(Val::Result(Err(None))),
        },
        _ => None,
    }
}

fn refusal(error: &Type) -> Option<Val> {
    let chosen = |names: Vec<&str>| REFUSALS.iter().find(|name| names.contains(name)).copied();
    match error {
        Type::Enum(cases) => chosen(cases.names().collect()).map(|name| Val::Enum(name.to_owned())),
        Type::Variant(cases) => {
            let empty = cases.cases().filter(|case| case.ty.is_none());
            chosen(empty.map(|case| case.name).collect())
                .map(|name| Val::Variant(name.to_owned(), None))
        }
        _ => None,
    }
}
