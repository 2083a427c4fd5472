//! Templates between the engine's words and the wire's.

use hostler_api::v1;
use hostler_api::{ProblemFault, Ref, Time};
use hostler_core::error::Fault;
use hostler_core::template::{
    self, Content, Filled, Parameter, ParameterKind, Version, VersionHead,
};
use hostler_core::{Code, Error};
use hostler_engine::{Previewed, TemplateView};

use super::super::error::Result;

/// What is told in the place of the id that a VM gets when it is made.
const ID: &str = "ID";

pub(super) fn template(view: &TemplateView) -> v1::Template {
    let (of, default) = (&view.template, view.default_version());
    v1::Template {
        id: of.id.to_string(),
        name: of.name.clone(),
        project: of.project.clone(),
        description: of.description.clone(),
        labels: of.labels.clone(),
        state: view.state().as_str().to_owned(),
        default_version: default,
        versions: view.versions.iter().map(|head| summary(head, default)).collect(),
        vm_count: u32::try_from(view.vm_count).unwrap_or(u32::MAX),
        generation: of.generation,
        created_by: of.created_by.clone(),
        created_at: Time(of.created_at),
        updated_at: Time(of.updated_at),
    }
}

pub(super) fn summary(head: &VersionHead, default: Option<u32>) -> v1::TemplateVersionSummary {
    v1::TemplateVersionSummary {
        number: head.number,
        state: head.state.as_str().to_owned(),
        default: default == Some(head.number),
        created_by: head.created_by.clone(),
        created_at: Time(head.created_at),
        activated_at: head.activated_at.map(Time),
        deprecated_at: head.deprecated_at.map(Time),
        archived_at: head.archived_at.map(Time),
    }
}

/// A version; without its cloud-init documents for who may not see all of it.
pub(super) fn version(
    view: &TemplateView,
    version: &Version,
    sees_all: bool,
) -> v1::TemplateVersion {
    let mut content = of_core(&version.content);
    let mut hidden = false;
    if !sees_all && let Some(init) = content.spec.get_mut("cloud_init") {
        for document in ["user_data", "network_config"] {
            hidden |= init.as_object_mut().is_some_and(|init| init.remove(document).is_some());
        }
    }
    let made_from = version.made_from.as_ref().map(|from| v1::TemplateMadeFrom {
        vm: Ref::new(from.vm, &from.name),
        left_out: from.left_out.iter().map(ProblemFault::from).collect(),
    });
    v1::TemplateVersion {
        summary: summary(&version.head, view.default_version()),
        template: Ref::new(view.template.id, &view.template.name),
        generation: version.head.generation,
        content,
        cloud_init_hidden: hidden,
        faults: template::check(&version.content).iter().map(ProblemFault::from).collect(),
        made_from,
    }
}

/// The core's form of what was sent.
pub(super) fn content(content: v1::TemplateContent) -> Result<Content> {
    let v1::TemplateContent { spec, parameters, required_features, required_hardware, notes } =
        content;
    let parameters = parameters.into_iter().map(parameter).collect();
    Ok(Content { spec, parameters, required_features, required_hardware, notes })
}

fn of_core(content: &Content) -> v1::TemplateContent {
    v1::TemplateContent {
        spec: content.spec.clone(),
        parameters: content.parameters.iter().map(told_parameter).collect(),
        required_features: content.required_features.clone(),
        required_hardware: content.required_hardware.clone(),
        notes: content.notes.clone(),
    }
}

fn parameter(sent: v1::TemplateParameter) -> Parameter {
    use v1::TemplateParameterKind as Sent;
    let kind = match sent.kind {
        Sent::String => ParameterKind::String,
        Sent::Integer => ParameterKind::Integer,
        Sent::Boolean => ParameterKind::Boolean,
        Sent::Enum => ParameterKind::Enum,
        Sent::Size => ParameterKind::Size,
        Sent::Secret => ParameterKind::Secret,
    };
    let v1::TemplateParameter {
        name,
        description,
        default,
        required,
        min,
        max,
        pattern,
        choices,
        ..
    } = sent;
    Parameter { name, kind, description, default, required, min, max, pattern, choices }
}

fn told_parameter(parameter: &Parameter) -> v1::TemplateParameter {
    use v1::TemplateParameterKind as Told;
    let kind = match parameter.kind {
        ParameterKind::String => Told::String,
        ParameterKind::Integer => Told::Integer,
        ParameterKind::Boolean => Told::Boolean,
        ParameterKind::Enum => Told::Enum,
        ParameterKind::Size => Told::Size,
        ParameterKind::Secret => Told::Secret,
    };
    let Parameter { name, description, default, required, min, max, pattern, choices, .. } =
        parameter.clone();
    v1::TemplateParameter { name, kind, description, default, required, min, max, pattern, choices }
}

pub(super) fn previewed(preview: &Previewed) -> Result<v1::TemplatePreviewed> {
    let vms = preview.specs.iter().map(previewed_vm).collect::<Result<_>>()?;
    Ok(v1::TemplatePreviewed {
        template: Ref::new(preview.template.id, &preview.template.name),
        version: preview.version.head.number,
        warnings: preview.warnings.clone(),
        vms,
    })
}

fn previewed_vm(filled: &Filled) -> Result<v1::TemplatePreviewedVm> {
    let shown = &filled.shown;
    let seed = shown.cloud_init.as_ref().map(|init| init.seed(ID, &shown.name));
    let cloud_init = seed.map(|seed| v1::TemplateSeed {
        user_data: seed.user_data,
        meta_data: seed.meta_data,
        network_config: seed.network_config,
    });
    Ok(v1::TemplatePreviewedVm { spec: v1::VmSpec::from_core(shown)?, cloud_init })
}

/// Faults of the content point into it, and it is a part of the document that was sent.
pub(super) fn in_version(error: Error) -> Error {
    const OF_CONTENT: &[&str] =
        &["/spec", "/parameters", "/required_features", "/required_hardware", "/notes"];
    if error.code() != Code::SpecInvalid {
        return error;
    }
    let faults = error.fault_list().iter().map(|fault| {
        let is_its = OF_CONTENT.iter().any(|place| fault.pointer.starts_with(place));
        let prefix = if is_its { "/version" } else { "" };
        let pointer = format!("{prefix}{}", fault.pointer);
        Fault::new(pointer, fault.code.as_str(), fault.detail.as_str())
    });
    Error::faults(error.code(), faults.collect())
}
