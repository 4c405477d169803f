//! Code for one field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{GenericArgument, Ident, LitStr, PathArguments, Result, Type};

use crate::attributes::{Absent, FieldAttribute, Kind};

/// A field, and the namespace of the element around it.
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    ty: &'a Type,
    attribute: FieldAttribute,
    local: LitStr,
    ns: LitStr,
}

impl<'a> Field<'a> {
    pub(crate) fn read(field: &'a syn::Field, around: &LitStr) -> Result<Self> {
        let attribute = FieldAttribute::read(field)?;
        let Some(ident) = &field.ident else {
            return Err(syn::Error::new_spanned(field, "fields need names"));
        };
        let own = ident.to_string();
        let own = own.strip_prefix("r#").unwrap_or(&own);
        let local = attribute.name.clone();
        Ok(Self {
            ident,
            ty: &field.ty,
            local: local.unwrap_or_else(|| LitStr::new(own, ident.span())),
            ns: attribute.ns.clone().unwrap_or_else(|| around.clone()),
            attribute,
        })
    }

    pub(crate) fn is_other(&self) -> bool {
        self.attribute.kind == Kind::Other
    }

    /// The variable that holds the field's value, whatever the field is called.
    pub(crate) fn variable(&self) -> Ident {
        format_ident!("field_{}", self.ident)
    }

    /// `let field_x = …;` from the variable `reader`.
    pub(crate) fn read_code(&self) -> TokenStream {
        let (variable, local, ns) = (self.variable(), &self.local, &self.ns);
        let value = match self.attribute.kind {
            Kind::Attr => self.value(
                &quote!(reader.attr(#local)),
                &quote!(Attribute(#local.into())),
            ),
            Kind::Lang => quote!(reader.own_lang()),
            Kind::Text => self.value(&quote!(reader.text()), &quote!(Text)),
            Kind::Flag => quote!(reader.flag(#local, #ns)?),
            Kind::Child => self.value(
                &quote!(reader.child(#local, #ns)),
                &quote!(Child(#local.into())),
            ),
            Kind::Children => quote!(reader.children(#local, #ns)?),
            Kind::Localised => quote!(reader.localised(#local, #ns)),
            Kind::Nested if inner(self.ty, "Vec").is_some() => quote!(reader.nested_all()?),
            Kind::Nested => self.value(&quote!(reader.nested()), &quote!(Child(#local.into()))),
            Kind::Other => quote!(reader.others()),
        };
        quote!(let #variable = #value;)
    }

    /// From a call that gives `Result<Option<T>, _>` to the field's type.
    fn value(&self, call: &TokenStream, place: &TokenStream) -> TokenStream {
        let optional = inner(self.ty, "Option");
        let found = if self.attribute.kind != Kind::Nested && is_bool(optional.unwrap_or(self.ty)) {
            quote!(#call?.map(|::waxwing_plugin::payload::Boolean(value)| value))
        } else {
            quote!(#call?)
        };
        if optional.is_some() {
            return found;
        }
        match &self.attribute.absent {
            Absent::Default => quote!(#found.unwrap_or_default()),
            Absent::Value(value) => quote!(match #found {
                ::core::option::Option::Some(value) => value,
                ::core::option::Option::None => #value,
            }),
            Absent::Error => quote!(match #found {
                ::core::option::Option::Some(value) => value,
                ::core::option::Option::None => {
                    return ::core::result::Result::Err(reader.error(
                        ::waxwing_plugin::payload::Place::#place,
                        ::waxwing_plugin::payload::Fault::Missing,
                    ));
                }
            }),
        }
    }

    /// `element = element.…;` from a reference in the field's variable.
    pub(crate) fn write_code(&self) -> TokenStream {
        let (local, ns) = (&self.local, &self.ns);
        let child = quote!(::waxwing_plugin::Element::new(#local, #ns));
        match self.attribute.kind {
            Kind::Attr => self.each(&quote!(element = element.attr(#local, &value.to_string());)),
            Kind::Lang => self.each(&quote!(element = element.in_lang(value);)),
            Kind::Text => self.each(&quote!(element = element.text(&value.to_string());)),
            Kind::Child | Kind::Children => {
                self.each(&quote!(element = element.child(#child.text(&value.to_string()));))
            }
            Kind::Nested => self.each(&quote!(
                element = element.child(::waxwing_plugin::Payload::write_in(value, lang));
            )),
            Kind::Flag => {
                let variable = self.variable();
                quote!(if *#variable { element = element.child(#child); })
            }
            Kind::Localised => self.each(&quote! {
                let child = #child.text(&value.value);
                element = element.child(match value.lang.as_deref() {
                    own @ ::core::option::Option::Some(named) if own != lang => child.in_lang(named),
                    _ => child,
                });
            }),
            Kind::Other => self.each(&quote!(element = element.child(value.clone());)),
        }
    }

    /// The code for each value that there is.
    fn each(&self, code: &TokenStream) -> TokenStream {
        let variable = self.variable();
        let is_list = inner(self.ty, "Vec").is_some() && self.attribute.kind != Kind::Attr;
        if is_list || inner(self.ty, "Option").is_some() {
            quote!(for value in #variable.iter() { #code })
        } else {
            quote!({ let value = #variable; #code })
        }
    }

    /// Whether it tells the language of the texts inside.
    pub(crate) fn is_lang(&self) -> bool {
        self.attribute.kind == Kind::Lang
    }
}

/// `T` of `Option<T>` or `Vec<T>`.
fn inner<'t>(ty: &'t Type, outer: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if last.ident == outer => Some(inner),
        _ => None,
    }
}

fn is_bool(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("bool"))
}
