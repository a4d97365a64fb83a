//! `table!`: turns the description of a message into structures that can read and write themselves.
//!
//! ```text
//! table! {
//!     /// A top-level message names its API, its versions, and the first flexible one (or NEVER).
//!     struct MetadataRequest (Metadata 0..=13, flexible 9) {
//!         topics: Option<Vec<MetadataRequestTopic>> = Some(Vec::new()), nullable 1..;
//!         allow_auto_topic_creation: bool = true, in 4..;
//!         include_cluster_authorized_operations: bool, in 8..=10;
//!     }
//!
//!     /// A structure inside it has fields only; it is written in the version of its message.
//!     struct MetadataRequestTopic {
//!         topic_id: Uuid, in 10..;
//!         name: Option<Str> = Some(Str::default()), nullable 10..;
//!     }
//! }
//! ```
//!
//! A field is `name: Type`, and then, each only if needed, in this order:
//!
//! | clause | meaning | without it |
//! |---|---|---|
//! | `= value` | the default (Kafka's) | `Default::default()`; `None` for an `Option` |
//! | `, in 4..=12` | versions that have the field | every version of the message |
//! | `, nullable 10..` | versions in which an `Option` may be null | every version that has the field |
//! | `, tag 0` | a tagged field (KIP-482): in flexible versions, only when it differs from the default | a plain field |
//!
//! Fields are in the order of the wire. A field that a version lacks is left out when writing,
//! whatever its value, and is its default after reading. That is the whole policy: what must not be
//! lost in an old version is for the handler to know.

/// Marks a message that has no flexible version.
pub(crate) const NEVER: i16 = i16::MAX;

macro_rules! table {
    ($(
        $(#[$meta:meta])*
        struct $name:ident $(($key:ident $versions:expr, flexible $flexible:expr))? {$(
            $(#[$field_meta:meta])*
            $field:ident : $ty:ty $(= $default:expr)? $(, in $has:expr)? $(, nullable $null:expr)? $(, tag $tag:literal)? ;
        )*}
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        // Written out for the fields with defaults of their own.
        #[allow(clippy::derivable_impls)]
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: table!(@default $($default)?),)* }
            }
        }

        // Several names stay unused in a structure without tags, nulls or versions.
        #[allow(unused_variables, unused_mut)]
        impl $crate::field::Field for $name {
            fn size_min(format: $crate::field::Format) -> usize {
                let mut size_min = usize::from(format.flexible);
                $(if table!(@tag $($tag)?).is_none() && table!(@covers format.version, $($has)?) {
                    size_min += <$ty as $crate::field::Field>::size_min(format);
                })*
                size_min
            }

            fn read(
                decoder: &mut $crate::Decoder,
                format: $crate::field::Format,
            ) -> Result<Self, $crate::DecodeError> {
                let mut value = Self::default();
                $(if table!(@tag $($tag)?).is_none() && table!(@covers format.version, $($has)?) {
                    value.$field = $crate::field::Field::read(decoder, format)?;
                    if $crate::field::Field::is_null(&value.$field) && !table!(@covers format.version, $($null)?) {
                        let field = stringify!($field);
                        return Err($crate::DecodeError::UnexpectedNull { field, version: format.version });
                    }
                })*
                if format.flexible {
                    decoder.tagged_fields(|tag, decoder| {
                        $(if table!(@tag $($tag)?) == Some(tag) && table!(@covers format.version, $($has)?) {
                            value.$field = $crate::field::Field::read(decoder, format)?;
                        })*
                        Ok(())
                    })?;
                }
                Ok(value)
            }

            fn write(
                &self,
                encoder: &mut $crate::Encoder,
                format: $crate::field::Format,
            ) -> Result<(), $crate::EncodeError> {
                $(if table!(@tag $($tag)?).is_none() && table!(@covers format.version, $($has)?) {
                    if $crate::field::Field::is_null(&self.$field) && !table!(@covers format.version, $($null)?) {
                        let field = stringify!($field);
                        return Err($crate::EncodeError::UnexpectedNull { field, version: format.version });
                    }
                    $crate::field::Field::write(&self.$field, encoder, format)?;
                })*
                if format.flexible {
                    let mut tagged = $crate::field::TaggedFields::default();
                    $(if let Some(tag) = table!(@tag $($tag)?) {
                        let default: $ty = table!(@default $($default)?);
                        if self.$field != default && table!(@covers format.version, $($has)?) {
                            tagged.push(tag, &self.$field, format)?;
                        }
                    })*
                    tagged.write(encoder);
                }
                Ok(())
            }
        }

        impl $crate::field::Nullable for $name {}

        #[cfg(test)]
        impl $crate::tests::Sample for $name {
            fn sample(source: &mut $crate::tests::Source, format: $crate::field::Format) -> Self {
                let mut value = Self::default();
                $(if (format.flexible || table!(@tag $($tag)?).is_none())
                    && table!(@covers format.version, $($has)?)
                {
                    let nullable = table!(@covers format.version, $($null)?);
                    value.$field = source.field(format, nullable);
                })*
                value
            }
        }

        $(impl $crate::Message for $name {
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
            const VERSIONS: ::std::ops::RangeInclusive<i16> = $versions;
            const FLEXIBLE: i16 = $flexible;
        })?
    )*};

    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@tag) => { None::<u32> };
    (@tag $tag:literal) => { Some::<u32>($tag) };
    (@covers $version:expr,) => { true };
    (@covers $version:expr, $versions:expr) => { ($versions).contains(&$version) };
}

pub(crate) use table;
