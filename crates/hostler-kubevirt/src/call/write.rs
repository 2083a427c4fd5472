//! Writing objects: making, applying, patching and deleting them.

use hostler_provider::Cx;
use http::Method;
use serde_json::Value;

use super::question::{deletion, document};
use super::{Caller, Dependents, FIELD_MANAGER, Question, Result, WriteOptions, ours};
use crate::error::Verb;
use crate::resource::{ObjectKey, Resource};

impl Caller {
    /// Makes an object. One of that name is [`Cause::AlreadyExists`].
    ///
    /// # Errors
    /// See [`crate::error`].
    pub async fn create(
        &self,
        cx: &Cx,
        resource: Resource,
        namespace: Option<&str>,
        object: &Value,
        options: WriteOptions,
    ) -> Result<Value> {
        let doing = format!("cannot create in {}", resource.full_name());
        let resource = self.spoken(cx, resource, &doing).await?;
        let path = resource.collection(namespace).map_err(ours)?;
        let question = Question::new(Method::POST, path, Verb::Write)
            .with("fieldManager", options.manager)
            .with("fieldValidation", "Strict")
            .with_options(options)
            .with_json("application/json", object);
        document(self.ask(cx, question, &doing).await?, Verb::Write, &doing)
    }

    /// Applies fields (server-side apply): makes the object, or sets in it what is
    /// given. Fields of others are [`Cause::Owned`] unless forced.
    ///
    /// # Errors
    /// See [`crate::error`].
    pub async fn apply(
        &self,
        cx: &Cx,
        resource: Resource,
        key: &ObjectKey,
        fields: &Value,
        options: WriteOptions,
    ) -> Result<Value> {
        let doing = format!("cannot apply {} {key}", resource.full_name());
        let resource = self.spoken(cx, resource, &doing).await?;
        let path = resource.object(key).map_err(ours)?;
        let force = if options.force { "true" } else { "false" };
        let question = Question::new(Method::PATCH, path, Verb::Write)
            .with("fieldManager", options.manager)
            .with("force", force)
            .with("fieldValidation", "Strict")
            .with_options(options)
            // JSON is YAML.
            .with_json("application/apply-patch+yaml", fields);
        document(self.ask(cx, question, &doing).await?, Verb::Write, &doing)
    }

    /// Patches an object by a list of steps (RFC 6902), `test` among them.
    ///
    /// # Errors
    /// See [`crate::error`]; one whose `test` fails is [`Cause::Changed`].
    pub async fn patch(
        &self,
        cx: &Cx,
        resource: Resource,
        key: &ObjectKey,
        patch: &Value,
    ) -> Result<Value> {
        let doing = format!("cannot change {} {key}", resource.full_name());
        let resource = self.spoken(cx, resource, &doing).await?;
        let path = resource.object(key).map_err(ours)?;
        let verb = Verb::JsonPatch;
        let question = Question::new(Method::PATCH, path, verb)
            .with("fieldManager", FIELD_MANAGER)
            .with("fieldValidation", "Strict")
            .with_json("application/json-patch+json", patch);
        document(self.ask(cx, question, &doing).await?, verb, &doing)
    }

    /// Deletes an object, and what belongs to it in the background. With a UID only
    /// that very object: another one of the same name is [`Cause::Changed`].
    ///
    /// # Errors
    /// See [`crate::error`]; absent is [`Cause::ObjectMissing`].
    pub async fn delete(
        &self,
        cx: &Cx,
        resource: Resource,
        key: &ObjectKey,
        uid: Option<&str>,
    ) -> Result<()> {
        self.delete_as(cx, resource, key, &deletion(uid, None, Dependents::Go)).await
    }

    /// The same, and only in that version of it: one that was changed since, even
    /// started, is [`Cause::Changed`].
    ///
    /// # Errors
    /// See [`crate::error`]; absent is [`Cause::ObjectMissing`].
    pub async fn delete_unchanged(
        &self,
        cx: &Cx,
        resource: Resource,
        key: &ObjectKey,
        uid: Option<&str>,
        version: Option<&str>,
        dependents: Dependents,
    ) -> Result<()> {
        self.delete_as(cx, resource, key, &deletion(uid, version, dependents)).await
    }

    async fn delete_as(
        &self,
        cx: &Cx,
        resource: Resource,
        key: &ObjectKey,
        options: &Value,
    ) -> Result<()> {
        let doing = format!("cannot delete {} {key}", resource.full_name());
        let resource = self.spoken(cx, resource, &doing).await?;
        let path = resource.object(key).map_err(ours)?;
        let question =
            Question::new(Method::DELETE, path, Verb::Write).with_json("application/json", options);
        self.ask(cx, question, &doing).await.map(drop)
    }
}
