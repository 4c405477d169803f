//! Code for one struct or enum.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result};

use crate::attributes::Naming;
use crate::field::Field;

/// An element and the value made from it: a struct, or a variant of an enum.
struct Form<'a> {
    /// `Self` or `Self::Variant`
    path: TokenStream,
    name: LitStr,
    ns: LitStr,
    fields: Vec<Field<'a>>,
}

pub(crate) fn payload(input: &DeriveInput) -> Result<TokenStream> {
    let outer = Naming::read(&input.attrs)?;
    let forms = match &input.data {
        Data::Struct(data) => {
            vec![Form::of(input, &data.fields, quote!(Self), outer)?]
        }
        Data::Enum(data) => {
            let variants = data.variants.iter().map(|variant| {
                let ident = &variant.ident;
                let own = Naming::read(&variant.attrs)?;
                let naming = Naming {
                    name: own.name,
                    ns: own.ns.or_else(|| outer.ns.clone()),
                };
                Form::of(variant, &variant.fields, quote!(Self::#ident), naming)
            });
            variants.collect::<Result<_>>()?
        }
        Data::Union(_) => return Err(Error::new_spanned(input, "a union is no payload")),
    };
    check_attributes(input)?;
    Ok(implementation(input, &forms))
}

impl<'a> Form<'a> {
    fn of(
        spanned: &impl quote::ToTokens,
        fields: &'a Fields,
        path: TokenStream,
        naming: Naming,
    ) -> Result<Self> {
        let missing = |what| Error::new_spanned(spanned, format!("say #[payload({what} = \"…\")]"));
        let name = naming.name.ok_or_else(|| missing("name"))?;
        let ns = naming.ns.ok_or_else(|| missing("ns"))?;
        if matches!(fields, Fields::Unnamed(_)) {
            return Err(Error::new_spanned(fields, "fields need names"));
        }
        let fields = fields.iter().map(|field| Field::read(field, &ns));
        let fields: Vec<_> = fields.collect::<Result<_>>()?;
        Ok(Self {
            path,
            name,
            ns,
            fields,
        })
    }

    fn condition(&self) -> TokenStream {
        let (name, ns) = (&self.name, &self.ns);
        quote!(local == #name && namespace == #ns)
    }

    fn read_code(&self) -> TokenStream {
        let (name, ns, path) = (&self.name, &self.ns, &self.path);
        // What is left can only be told when everything else was taken.
        let (others, takers): (Vec<_>, Vec<_>) =
            self.fields.iter().partition(|field| field.is_other());
        let reads = takers.iter().chain(&others).map(|field| field.read_code());
        let inits = self.fields.iter().map(|field| {
            let (ident, variable) = (field.ident, field.variable());
            quote!(#ident: #variable)
        });
        quote! {
            if reader.is(#name, #ns) {
                #(#reads)*
                return ::core::result::Result::Ok(#path { #(#inits),* });
            }
        }
    }

    fn write_arm(&self) -> TokenStream {
        let (path, name, ns) = (&self.path, &self.name, &self.ns);
        let binds = self.fields.iter().map(|field| {
            let (ident, variable) = (field.ident, field.variable());
            quote!(#ident: #variable)
        });
        let own_lang = self
            .fields
            .iter()
            .find(|field| field.is_lang())
            .map(|field| {
                let variable = field.variable();
                quote!(let lang = #variable.as_deref().or(lang);)
            });
        let writes = self.fields.iter().map(Field::write_code);
        quote! {
            #path { #(#binds),* } => {
                #own_lang
                let mut element = ::waxwing_plugin::Element::new(#name, #ns);
                #(#writes)*
                element
            }
        }
    }
}

fn implementation(input: &DeriveInput, forms: &[Form<'_>]) -> TokenStream {
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let conditions = forms.iter().map(Form::condition);
    let reads = forms.iter().map(Form::read_code);
    let arms = forms.iter().map(Form::write_arm);
    quote! {
        #[automatically_derived]
        #[allow(unused_mut, unused_variables, clippy::pedantic)]
        impl #generics ::waxwing_plugin::Payload for #ident #arguments #clause {
            fn is_named(local: &str, namespace: &str) -> bool {
                #((#conditions))||*
            }

            fn read_in(
                element: &::waxwing_plugin::Parsed,
                lang: ::core::option::Option<&str>,
            ) -> ::core::result::Result<Self, ::waxwing_plugin::PayloadError> {
                let mut reader = ::waxwing_plugin::payload::Reader::open(element, lang);
                #(#reads)*
                ::core::result::Result::Err(reader.error(
                    ::waxwing_plugin::payload::Place::Itself,
                    ::waxwing_plugin::payload::Fault::Unexpected,
                ))
            }

            fn write_in(&self, lang: ::core::option::Option<&str>) -> ::waxwing_plugin::Element {
                match self {
                    #(#arms)*
                }
            }
        }
    }
}

/// An attribute that nobody reads would be a mistake unseen.
fn check_attributes(input: &DeriveInput) -> Result<()> {
    let Data::Enum(_) = &input.data else {
        return Ok(());
    };
    match Naming::read(&input.attrs)?.name {
        Some(name) => Err(Error::new_spanned(
            name,
            "each variant of an enum has a name of its own",
        )),
        None => Ok(()),
    }
}
