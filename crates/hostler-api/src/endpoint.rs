//! What an endpoint is: a type whose constants and associated types say
//! everything about it.

use hostler_core::Code;
use hostler_core::access::Permission;
use http::{Method, StatusCode};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One address and method of the API.
pub trait Endpoint: Send + Sync + 'static {
    /// Its name in the document and in clients, for example `vm_create`.
    const ID: &'static str;
    /// The group it is shown in.
    const TAG: &'static str;
    /// One line about it.
    const SUMMARY: &'static str;
    /// What else a caller needs to know; may be empty.
    const DESCRIPTION: &'static str = "";
    /// Its method.
    const METHOD: Method;
    /// Its path, with `{name}` for each field of [`Endpoint::Path`].
    const PATH: &'static str;
    /// The status of a successful answer.
    const STATUS: StatusCode = StatusCode::OK;
    /// What the caller needs.
    const NEEDS: Permission;
    /// Codes it answers besides those that any endpoint may answer.
    const ERRORS: &'static [Code] = &[];
    /// How the request's body is sent.
    const BODY: BodyKind = BodyKind::None;
    /// How the answer comes.
    const REPLY: ReplyKind = ReplyKind::Json;

    /// The parameters in the path.
    type Path: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// The parameters in the query.
    type Query: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// The request's body.
    type Body: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// The answer's body; for streams, one element.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
}

/// How a request's body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// There is none.
    None,
    /// As `application/json`.
    Json,
    /// As `application/merge-patch+json` (RFC 7396).
    MergePatch,
    /// As `text/plain`; the body's type is a string.
    Text,
    /// As `application/octet-stream`, streamed.
    Bytes,
}

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// Without a body.
    Empty,
    /// As `application/json`.
    Json,
    /// As `text/plain`.
    Text,
    /// As `text/event-stream`, one element an event.
    EventStream,
    /// As a WebSocket.
    WebSocket,
}

impl ReplyKind {
    /// The media type it comes as; `None` where no document comes.
    pub const fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Empty | Self::WebSocket => None,
            Self::Json => Some("application/json"),
            Self::Text => Some("text/plain"),
            Self::EventStream => Some("text/event-stream"),
        }
    }
}

/// No parameters, or no body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// An endpoint with its types erased, for documents and enumeration.
#[derive(Debug, Clone)]
pub struct Described {
    /// [`Endpoint::ID`].
    pub id: &'static str,
    /// [`Endpoint::TAG`].
    pub tag: &'static str,
    /// [`Endpoint::SUMMARY`].
    pub summary: &'static str,
    /// [`Endpoint::DESCRIPTION`].
    pub description: &'static str,
    /// [`Endpoint::METHOD`].
    pub method: Method,
    /// [`Endpoint::PATH`].
    pub path: &'static str,
    /// [`Endpoint::STATUS`].
    pub status: StatusCode,
    /// [`Endpoint::NEEDS`].
    pub needs: Permission,
    /// [`Endpoint::ERRORS`].
    pub errors: &'static [Code],
    /// [`Endpoint::BODY`].
    pub body: BodyKind,
    /// [`Endpoint::REPLY`].
    pub reply: ReplyKind,
    /// Registers the types and gives their schemas.
    pub schemas: fn(&mut SchemaGenerator) -> Schemas,
}

/// The schemas of an endpoint's types.
#[derive(Debug, Clone)]
pub struct Schemas {
    /// Of the path's parameters.
    pub path: schemars::Schema,
    /// Of the query's parameters.
    pub query: schemars::Schema,
    /// Of the request's body.
    pub body: schemars::Schema,
    /// Of the answer's body.
    pub reply: schemars::Schema,
}

impl Described {
    /// Erases the types of `E`.
    pub fn of<E: Endpoint>() -> Self {
        Self {
            id: E::ID,
            tag: E::TAG,
            summary: E::SUMMARY,
            description: E::DESCRIPTION,
            method: E::METHOD,
            path: E::PATH,
            status: E::STATUS,
            needs: E::NEEDS,
            errors: E::ERRORS,
            body: E::BODY,
            reply: E::REPLY,
            schemas: |generator| Schemas {
                // Parameters are listed one by one, so they are wanted in full, not by name.
                path: E::Path::json_schema(generator),
                query: E::Query::json_schema(generator),
                body: generator.subschema_for::<E::Body>(),
                reply: generator.subschema_for::<E::Reply>(),
            },
        }
    }
}
