// Shows the API's document: one section an endpoint, and a form that sends GETs.
// Every text is set as text, never as markup.

const place = document.getElementById("endpoints");
const find = document.getElementById("find");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function resolve(document, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? document.components.schemas[name] : schema;
}

// A schema as an example-like outline; deep enough to read, never endless.
function outline(document, schema, depth = 0) {
  const found = resolve(document, schema);
  if (found === undefined || found === true) return "anything";
  if (depth > 5) return "…";
  const options = found.anyOf ?? found.oneOf;
  if (options) {
    return options.map((one) => outline(document, one, depth + 1)).map(text).join(" | ");
  }
  if (found.enum) return found.enum.map(text).join(" | ");
  if (found.const !== undefined) return text(found.const);
  if (found.properties) {
    return Object.fromEntries(
      Object.entries(found.properties).map(([key, one]) => [key, outline(document, one, depth + 1)]),
    );
  }
  if (found.items) return [outline(document, found.items, depth + 1)];
  return [found.type].flat().join(" | ") + (found.format ? ` (${found.format})` : "");
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function schemaBlock(document, title, content) {
  const [media, body] = Object.entries(content ?? {})[0] ?? [];
  if (!body?.schema) return [];
  return [
    element("h4", {}, `${title} (${media})`),
    element("pre", {}, JSON.stringify(outline(document, body.schema), null, 2)),
  ];
}

function parameters(operation) {
  const table = element("table");
  for (const one of operation.parameters ?? []) {
    const name = one.required ? `${one.name} *` : one.name;
    table.append(
      element(
        "tr",
        {},
        element("td", {}, element("code", {}, name)),
        element("td", {}, one.in),
        element("td", {}, one.description ?? ""),
      ),
    );
  }
  return table;
}

function tryIt(path, operation) {
  const form = element("form");
  const inputs = new Map();
  for (const one of operation.parameters.filter((one) => one.in !== "header")) {
    const input = element("input", { name: one.name });
    inputs.set(one, input);
    form.append(element("label", {}, `${one.name} `, input), " ");
  }
  const shown = element("pre", { hidden: "" });
  form.append(element("button", {}, "Try it"), shown);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let address = path;
    const query = new URLSearchParams();
    for (const [one, input] of inputs) {
      if (one.in === "path") address = address.replace(`{${one.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(one.name, input.value);
    }
    const answer = await fetch(query.size ? `${address}?${query}` : address);
    const body = await answer.text();
    shown.hidden = false;
    try {
      shown.textContent = `${answer.status}\n${JSON.stringify(JSON.parse(body), null, 2)}`;
    } catch {
      shown.textContent = `${answer.status}\n${body}`;
    }
  });
  return form;
}

function section(document, path, method, operation) {
  const details = element("details", { id: operation.operationId });
  details.append(
    element(
      "summary",
      {},
      element("span", { class: "method" }, method.toUpperCase()),
      element("code", {}, path),
      element("span", { class: "about" }, operation.summary),
    ),
    element("p", {}, operation.description ?? ""),
    element("p", {}, "Permission: ", element("code", {}, operation["x-permission"])),
    parameters(operation),
    ...schemaBlock(document, "Request", operation.requestBody?.content),
  );
  for (const [status, response] of Object.entries(operation.responses)) {
    if (status < "300") details.append(...schemaBlock(document, `Answer ${status}`, response.content));
    else {
      for (const code of response["x-codes"] ?? []) {
        details.append(element("a", { href: `/problems/${code}` }, `${status} ${code}`), " ");
      }
    }
  }
  const streams = "text/event-stream" in (operation.responses["200"]?.content ?? {});
  if (method === "get" && !streams && operation.responses["101"] === undefined) {
    details.append(tryIt(path, operation));
  }
  return details;
}

const answer = await fetch("/api/v1/openapi.json");
const api = await answer.json();
for (const tag of api.tags) {
  place.append(element("h2", {}, tag.name));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags.includes(tag.name)) place.append(section(api, path, method, operation));
    }
  }
}
find.addEventListener("input", () => {
  for (const one of place.querySelectorAll("details")) {
    one.hidden = !one.textContent.toLowerCase().includes(find.value.toLowerCase());
  }
});
if (location.hash) document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
