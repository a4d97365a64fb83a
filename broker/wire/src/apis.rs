//! `apis!`: from the list of the APIs to their modules, the one type of any request, and what is
//! known of each API.

macro_rules! apis {
    ($($module:ident: $key:ident, $request:ident, $response:ident;)*) => {
        $(pub mod $module;)*
        $(pub use $module::{$request, $response};)*

        $(impl Request for $request {
            type Response = $response;
        })*

        /// Any request that this crate can decode.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyRequest {
            $($key($request),)*
        }

        impl AnyRequest {
            pub fn key(&self) -> ApiKey {
                match self {
                    $(Self::$key(_) => ApiKey::$key,)*
                }
            }

            /// Reads the body that belongs to `header`.
            pub fn decode(decoder: &mut Decoder, header: &RequestHeader) -> Result<Self, DecodeError> {
                match ApiKey::try_from(header.api_key)? {
                    $(ApiKey::$key => $request::decode(decoder, header.api_version).map(Self::$key),)*
                    key => Err(DecodeError::UnknownApi(key.code())),
                }
            }
        }

        impl ApiKey {
            /// All APIs whose messages this crate has.
            pub const CODED: &[ApiKey] = &[$(ApiKey::$key,)*];

            /// The versions that this crate can read and write; `None` if it does not have the
            /// messages.
            pub const fn versions(self) -> Option<RangeInclusive<i16>> {
                match self {
                    $(Self::$key => Some($request::VERSIONS),)*
                    _ => None,
                }
            }

            pub(crate) const fn first_flexible(self) -> Option<i16> {
                match self {
                    $(Self::$key => Some($request::FLEXIBLE),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use apis;
