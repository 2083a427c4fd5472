//! The demo's templates: one that is deployed, with a past and a next draft, and one that
//! requires what the demo's cluster lacks.

use hostler_core::Timestamp;
use hostler_core::id::{IdSource, TemplateId};
use hostler_core::template::{Content, Template, Transition, Version};
use hostler_store::{NewEvent, NewTemplateVersion, Store};
use serde_json::json;

use crate::failure::{Failure, Result};

const USER_DATA: &str = "#cloud-config
fqdn: ${vm.name}.${domain}
package_update: true
packages:
  - nginx
chpasswd:
  expire: false
  users:
    - {name: admin, password: \"${password}\", type: text}
write_files:
  - path: /var/www/html/index.html
    permissions: \"0644\"
    content: |
      This is ${vm.name} of ${domain}.
runcmd:
  - [systemctl, enable, --now, nginx]
";

/// Stores the templates, unless a demo that keeps its state has some already.
pub(super) async fn templates(
    store: &Store,
    ids: &IdSource,
    now: Timestamp,
    by: &str,
) -> Result<()> {
    if !store.templates().await.map_err(failed)?.is_empty() {
        return Ok(());
    }
    let keep = Keep { store, ids, now, by };
    let old =
        web("Without a password for admin; superseded by version 2.", "web server of ${domain}")?;
    let new = web("nginx with a page of its own.", "web server ${vm.number} of ${domain}")?;
    let web = keep.template("web-server", "An nginx with a page that tells its name", &old).await?;
    keep.turn(web, 1, &[Transition::Activate, Transition::Deprecate]).await?;
    keep.version(web, &new).await?;
    keep.turn(web, 2, &[Transition::Activate]).await?;
    keep.version(web, &new).await?;
    let worker = keep.template("gpu-worker", "For jobs that need a graphics card", &gpu()?).await?;
    keep.turn(worker, 1, &[Transition::Activate]).await
}

fn web(notes: &str, description: &str) -> Result<Content> {
    content(json!({
        "spec": {
            "description": description,
            "labels": {"tier": "${tier}"},
            "cpu": {"count": "${cpus}"},
            "memory": {"bytes": "${memory}"},
            "disks": [{"name": "root", "source": {"empty": {"size_bytes": "${disk}"}}}],
            "nics": [],
            "cloud_init": {"user_data": USER_DATA},
        },
        "parameters": [
            {"name": "domain", "kind": "string", "required": true, "pattern": "[a-z0-9.-]+",
                "description": "The domain that its host name is in"},
            {"name": "password", "kind": "secret", "required": true, "min": 8,
                "description": "The password of admin"},
            {"name": "tier", "kind": "enum", "choices": ["web", "staging"], "default": "web",
                "description": "What its label tier says"},
            {"name": "cpus", "kind": "integer", "default": 1, "min": 1, "max": 8,
                "description": "Virtual processors"},
            {"name": "memory", "kind": "size", "default": "512MiB", "min": 256_u64 << 20,
                "description": "Guest memory"},
            {"name": "disk", "kind": "size", "default": "4GiB", "min": 1_u64 << 30,
                "description": "The size of its disk"},
        ],
        "notes": notes,
    }))
}

fn gpu() -> Result<Content> {
    content(json!({
        "spec": {"cpu": {"count": 2}, "memory": {"bytes": 1_u64 << 30}},
        "required_features": ["GPU", "Sidecar"],
        "required_hardware": ["kvm"],
        "notes": "Goes only where graphics cards can be given to guests.",
    }))
}

fn content(document: serde_json::Value) -> Result<Content> {
    serde_json::from_value(document)
        .map_err(|error| Failure::new(format!("a template of the demo is odd: {error}")))
}

struct Keep<'a> {
    store: &'a Store,
    ids: &'a IdSource,
    now: Timestamp,
    by: &'a str,
}

impl Keep<'_> {
    async fn template(
        &self,
        name: &str,
        description: &str,
        content: &Content,
    ) -> Result<TemplateId> {
        let id = self.ids.next(TemplateId::new);
        let template = Template {
            id,
            name: name.to_owned(),
            project: "default".to_owned(),
            description: description.to_owned(),
            labels: [("demo".to_owned(), "yes".to_owned())].into(),
            generation: 1,
            created_by: self.by.to_owned(),
            created_at: self.now,
            updated_at: self.now,
        };
        let event = self.event("template.created", id, name);
        let first = self.draft(content);
        self.store.insert_template(&template, &first, &[event]).await.map_err(failed)?;
        Ok(id)
    }

    async fn version(&self, id: TemplateId, content: &Content) -> Result<()> {
        let tell = |_| self.event("template.version_created", id, "web-server");
        let draft = self.draft(content);
        self.store.insert_template_version(id, &draft, &tell).await.map_err(failed).map(drop)
    }

    async fn turn(&self, id: TemplateId, number: u32, ways: &[Transition]) -> Result<()> {
        for way in ways {
            let found = self.store.template_version(id, number).await.map_err(failed)?;
            let next: Option<Version> = match found {
                Some(version) => version.after(*way, self.now)?,
                None => None,
            };
            if let Some(next) = next {
                self.store.update_template_version(id, &next, &[]).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    fn draft(&self, content: &Content) -> NewTemplateVersion {
        NewTemplateVersion {
            content: content.clone(),
            made_from: None,
            created_by: self.by.to_owned(),
            created_at: self.now,
        }
    }

    fn event(&self, kind: &str, id: TemplateId, name: &str) -> NewEvent {
        NewEvent {
            at: self.now,
            kind: kind.to_owned(),
            resource_kind: Some("template".to_owned()),
            resource_id: Some(id.to_string()),
            resource_name: Some(name.to_owned()),
            message: format!("template {name} was made by {}", self.by),
            data: json!({}),
        }
    }
}

fn failed(error: hostler_store::Error) -> Failure {
    hostler_core::Error::from(error).into()
}
