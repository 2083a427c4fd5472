//! Templates and their versions: kept whole, changed by one at a time, and never with their VMs.

use std::collections::BTreeMap;

use hostler_core::error::Fault;
use hostler_core::id::{TemplateId, VmId};
use hostler_core::template::{
    Content, FromTemplate, MadeFrom, Template, Transition, VERSIONS_MAX, VersionState,
};
use hostler_store::{Conflict, Missing, NewTemplateVersion, Store, StoreErrorKind};
use serde_json::json;

use crate::common::{World, on_both};

fn template(world: &World, name: &str) -> Template {
    let now = world.now();
    Template {
        id: world.ids.next(TemplateId::new),
        name: name.into(),
        project: "default".into(),
        description: "what web servers are".into(),
        labels: BTreeMap::from([("team".into(), "shop".into())]),
        generation: 1,
        created_by: "token:ci".into(),
        created_at: now,
        updated_at: now,
    }
}

fn draft(world: &World) -> NewTemplateVersion {
    let content = Content {
        spec: json!({"memory": {"bytes": 1 << 30}}),
        required_features: vec!["GPU".into()],
        notes: "first".into(),
        ..Content::default()
    };
    let vm = world.ids.next(VmId::new);
    let left_out = vec![Fault::new("/nics/0/mac", "own", "is the VM's own")];
    NewTemplateVersion {
        content,
        made_from: Some(MadeFrom { vm, name: "web".into(), left_out }),
        created_by: "token:ci".into(),
        created_at: world.now(),
    }
}

async fn kept(store: &Store, world: &World) -> Template {
    let template = template(world, "web");
    let public = [world.event("template.created", &template.id.to_string())];
    let stored = store.insert_template(&template, &draft(world), &public).await.unwrap();
    assert_eq!(stored.len(), 1);
    template
}

#[tokio::test]
async fn c19_a_template_is_kept_with_its_versions_and_every_name_once() {
    on_both(|store| async move {
        let world = World::new();
        let web = kept(&store, &world).await;
        let (found, heads) = store.template(web.id).await.unwrap().unwrap();
        assert_eq!(found, web);
        assert_eq!((heads.len(), heads[0].number, heads[0].state), (1, 1, VersionState::Draft));
        let first = store.template_version(web.id, 1).await.unwrap().unwrap();
        assert_eq!(first.head, heads[0]);
        assert_eq!(first.content.required_features, ["GPU"]);
        assert_eq!(first.made_from.unwrap().left_out[0].code, "own");

        let twin = template(&world, "web");
        let taken = store.insert_template(&twin, &draft(&world), &[]).await.unwrap_err();
        assert_eq!(*taken.kind(), StoreErrorKind::Conflict(Conflict::TemplateExists));
        let db = template(&world, "db");
        store.insert_template(&db, &draft(&world), &[]).await.unwrap();
        let names: Vec<_> = store
            .templates()
            .await
            .unwrap()
            .into_iter()
            .map(|(it, heads)| (it.name, heads.len()))
            .collect();
        assert_eq!(names, [("db".to_owned(), 1), ("web".to_owned(), 1)]);

        let renamed = Template { name: "db".into(), ..web.clone() };
        let taken = store.update_template(&renamed, &[], world.now()).await.unwrap_err();
        assert_eq!(*taken.kind(), StoreErrorKind::Conflict(Conflict::TemplateExists));
        let renamed = Template { name: "www".into(), ..web.clone() };
        store.update_template(&renamed, &[], world.now()).await.unwrap();
        let (found, _) = store.template(web.id).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.generation), ("www", 2));
        let late = store.update_template(&renamed, &[], world.now()).await.unwrap_err();
        let changed = Conflict::Changed { expected: 1, found: 2 };
        assert_eq!(*late.kind(), StoreErrorKind::Conflict(changed));
        let missing = Template { id: world.ids.next(TemplateId::new), name: "x".into(), ..web };
        let missing = store.update_template(&missing, &[], world.now()).await.unwrap_err();
        assert_eq!(*missing.kind(), StoreErrorKind::NotFound(Missing::Template));
    })
    .await;
}

#[tokio::test]
async fn c19_versions_are_numbered_and_changed_by_who_read_them_last() {
    on_both(|store| async move {
        let world = World::new();
        let web = kept(&store, &world).await;
        let tell = |number: u32| world.event(&format!("template.version {number}"), "x");
        assert_eq!(store.insert_template_version(web.id, &draft(&world), &tell).await.unwrap(), 2);
        let first = store.template_version(web.id, 1).await.unwrap().unwrap();
        let active = first.after(Transition::Activate, world.now()).unwrap().unwrap();
        store.update_template_version(web.id, &active, &[]).await.unwrap();
        assert_eq!(store.template_version(web.id, 1).await.unwrap().unwrap(), active);
        let other = first.after(Transition::Archive, world.now()).unwrap().unwrap();
        let late = store.update_template_version(web.id, &other, &[]).await.unwrap_err();
        let changed = Conflict::Changed { expected: 1, found: 2 };
        assert_eq!(*late.kind(), StoreErrorKind::Conflict(changed));
        let mut none = active.clone();
        none.head.number = 9;
        let none = store.update_template_version(web.id, &none, &[]).await.unwrap_err();
        assert_eq!(*none.kind(), StoreErrorKind::NotFound(Missing::TemplateVersion));

        for number in 3..=VERSIONS_MAX {
            let made = store.insert_template_version(web.id, &draft(&world), &tell).await.unwrap();
            assert_eq!(made, number);
        }
        let full = store.insert_template_version(web.id, &draft(&world), &tell).await.unwrap_err();
        assert_eq!(*full.kind(), StoreErrorKind::Conflict(Conflict::TemplatesFull));
    })
    .await;
}

#[tokio::test]
async fn c19_a_template_goes_with_its_versions_and_leaves_vms_that_name_it() {
    on_both(|store| async move {
        let world = World::new();
        let web = kept(&store, &world).await;
        let from = FromTemplate { template: web.id, name: "web".into(), version: 1 };
        let mut made = world.create("web-1");
        let vm = made.vm.as_mut().unwrap();
        vm.template = Some(from.clone());
        let vm = vm.id;
        store.submit(&made).await.unwrap();
        assert_eq!(store.vm(vm).await.unwrap().unwrap().template.as_ref(), Some(&from));

        let first = store.template_version(web.id, 1).await.unwrap().unwrap();
        let active = first.after(Transition::Activate, world.now()).unwrap().unwrap();
        store.update_template_version(web.id, &active, &[]).await.unwrap();
        let refused = store.delete_template(web.id, &[]).await.unwrap_err();
        assert_eq!(*refused.kind(), StoreErrorKind::Conflict(Conflict::TemplateActive));
        let archived = active.after(Transition::Archive, world.now()).unwrap().unwrap();
        store.update_template_version(web.id, &archived, &[]).await.unwrap();
        store.delete_template(web.id, &[]).await.unwrap();
        assert_eq!(store.template(web.id).await.unwrap(), None);
        assert_eq!(store.template_version(web.id, 1).await.unwrap(), None);
        assert_eq!(store.vm(vm).await.unwrap().unwrap().template, Some(from));
        let gone = store.delete_template(web.id, &[]).await.unwrap_err();
        assert_eq!(*gone.kind(), StoreErrorKind::NotFound(Missing::Template));
    })
    .await;
}
