//! Form parameters as every OAuth endpoint receives them (RFC 6749 section 3.1).

use crate::Error;

/// Longest value of one parameter, in bytes; an `id_token_hint` is the longest honest one.
pub const PARAMETER_BYTES_MAX: usize = 4096;
/// Longest request object, which holds all other parameters.
const REQUEST_OBJECT_BYTES_MAX: usize = 16 * 1024;
/// Longest card grant, in bytes: a card's certificate and one or two issuing CAs are in it.
const CARD_GRANT_BYTES_MAX: usize = 24 * 1024;
/// Most parameters in one request.
pub const PARAMETERS_MAX: usize = 64;
/// Most values of a parameter that may stand several times.
const REPEATED_MAX: usize = 8;

/// Declares a request's parameters once: the struct, and its parser from name/value pairs.
macro_rules! parameters {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident,)* }
     $(repeated { $($(#[$many_meta:meta])* $many:ident,)* })?) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: Option<String>,)*
            $($($(#[$many_meta])* pub $many: Vec<String>,)*)?
        }

        impl $name {
            /// Reads decoded name/value pairs. Unknown names are ignored and empty values count
            /// as absent (RFC 6749 section 3.1).
            ///
            /// # Errors
            /// [`Error`] for a parameter that stands twice, is too long, or holds control
            /// characters; and for too many parameters.
            pub fn from_pairs<I>(pairs: I) -> Result<Self, Error>
            where
                I: IntoIterator<Item = (String, String)>,
            {
                let mut parsed = Self::default();
                for (count, (name, value)) in pairs.into_iter().enumerate() {
                    if count >= PARAMETERS_MAX {
                        return Err(Error::TooManyParameters);
                    }
                    match name.as_str() {
                        $(stringify!($field) => {
                            $crate::parameters::set(&mut parsed.$field, stringify!($field), value)?;
                        })*
                        $($(stringify!($many) => {
                            $crate::parameters::push(&mut parsed.$many, stringify!($many), value)?;
                        })*)?
                        _ => {}
                    }
                }
                $(parsed.$field = parsed.$field.filter(|value| !value.is_empty());)*
                Ok(parsed)
            }

            /// The parameters as name/value pairs, so that they can be stored and read back.
            #[must_use]
            pub fn to_pairs(&self) -> Vec<(&'static str, &str)> {
                let mut pairs = Vec::new();
                $(pairs.extend(self.$field.as_deref().map(|value| (stringify!($field), value)));)*
                $($(
                    let values = self.$many.iter().map(String::as_str);
                    pairs.extend(values.map(|value| (stringify!($many), value)));
                )*)?
                pairs
            }
        }

        /// Names the parameters that are present; values may be secrets.
        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut present = formatter.debug_set();
                $(if self.$field.is_some() { present.entry(&stringify!($field)); })*
                $($(if !self.$many.is_empty() { present.entry(&stringify!($many)); })*)?
                present.finish()
            }
        }
    };
}
pub(crate) use parameters;

pub(crate) fn set(
    slot: &mut Option<String>,
    name: &'static str,
    value: String,
) -> Result<(), Error> {
    if slot.is_some() {
        return Err(Error::ParameterRepeated { name });
    }
    check(name, &value)?;
    *slot = Some(value);
    Ok(())
}

/// A parameter that may stand several times (RFC 8707 section 2); empty values count as absent.
pub(crate) fn push(
    values: &mut Vec<String>,
    name: &'static str,
    value: String,
) -> Result<(), Error> {
    if values.len() >= REPEATED_MAX {
        return Err(Error::ParameterRepeated { name });
    }
    check(name, &value)?;
    if !value.is_empty() {
        values.push(value);
    }
    Ok(())
}

fn check(name: &'static str, value: &str) -> Result<(), Error> {
    let bytes_max = match name {
        "request" => REQUEST_OBJECT_BYTES_MAX,
        "assertion" => CARD_GRANT_BYTES_MAX,
        _ => PARAMETER_BYTES_MAX,
    };
    if value.len() > bytes_max {
        return Err(Error::ParameterTooLong { name });
    }
    if value.chars().any(char::is_control) {
        return Err(Error::ParameterMalformed { name });
    }
    Ok(())
}
