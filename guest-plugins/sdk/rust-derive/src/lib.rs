//! Derives `waxwing_plugin::Payload`. What the attributes mean is documented there, in the module `payload`.

mod attributes;
mod expand;
mod field;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Payload`: see the module `payload` of the crate `waxwing-plugin`.
#[proc_macro_derive(Payload, attributes(payload))]
pub fn derive_payload(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::payload(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
