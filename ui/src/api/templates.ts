// Templates: read, turned from state to state, previewed and deployed.
import { queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import { keys } from "./query";
import type {
  Template,
  TemplateDeployed,
  TemplateDeployment,
  TemplatePreviewed,
  TemplateVersion,
} from "./types";

/** What can be done to a version's state. */
export type Turn = "activate" | "deprecate" | "archive";

export function templateQuery(template: string) {
  return queryOptions({
    queryKey: keys.item("templates", template),
    queryFn: ({ signal }): Promise<Template> =>
      body(client.GET("/api/v1/templates/{template}", { params: { path: { template } }, signal })),
  });
}

export function versionQuery(template: string, version: number) {
  return queryOptions({
    queryKey: [...keys.item("templates", template), version] as const,
    queryFn: ({ signal }): Promise<TemplateVersion> => {
      const params = { path: { template, version: String(version) } };
      return body(
        client.GET("/api/v1/templates/{template}/versions/{version}", { params, signal }),
      );
    },
  });
}

export function turnVersion(
  template: string,
  version: number,
  turn: Turn,
): Promise<TemplateVersion> {
  const params = { path: { template, version: String(version) } };
  switch (turn) {
    case "activate":
      return body(
        client.POST("/api/v1/templates/{template}/versions/{version}/activate", { params }),
      );
    case "deprecate":
      return body(
        client.POST("/api/v1/templates/{template}/versions/{version}/deprecate", { params }),
      );
    case "archive":
      return body(
        client.POST("/api/v1/templates/{template}/versions/{version}/archive", { params }),
      );
  }
}

/** Begins a draft as another version is. */
export function draftFrom(template: string, version: number): Promise<TemplateVersion> {
  const params = { path: { template } };
  const request = { from_version: version };
  return body(
    client.POST("/api/v1/templates/{template}/versions", { params, body: request as never }),
  );
}

export function previewTemplate(
  template: string,
  request: TemplateDeployment,
): Promise<TemplatePreviewed> {
  const params = { path: { template } };
  return body(client.POST("/api/v1/templates/{template}/preview", { params, body: request }));
}

export function deployTemplate(
  template: string,
  request: TemplateDeployment,
): Promise<TemplateDeployed> {
  const params = { path: { template } };
  return body(client.POST("/api/v1/templates/{template}/deploy", { params, body: request }));
}

export function deleteTemplate(template: string): Promise<unknown> {
  return body(client.DELETE("/api/v1/templates/{template}", { params: { path: { template } } }));
}
