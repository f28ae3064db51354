"use strict";
let form = null;  // this page, as GET v1/models/NAME describes it

function field(name, schema, example) {
  const label = make("label", captioned(schema.title || name, schema), {for: "field-" + name});
  let input;
  if (schema.enum) {
    input = make("select");
    for (const value of schema.enum) input.append(make("option", value, {value}));
  } else if (schema.type === "boolean") input = make("input", undefined, {type: "checkbox"});
  else if (schema.type === "number" || schema.type === "integer") input = make("input", undefined, {type: "number", step: schema.type === "integer" ? 1 : "any"});
  else input = make("textarea");
  input.id = "field-" + name;
  input.dataset.kind = schema.type || "json";
  input.dataset.name = name;
  if (schema.type === "boolean") input.checked = Boolean(example);
  else if (example !== undefined && example !== null) {
    const text = typeof example === "object" ? JSON.stringify(example) : String(example);
    if (schema.type === "string") input.placeholder = text; else input.value = text;
  }
  return [label, input];
}

function valueOf(input) {
  const kind = input.dataset.kind;
  if (kind === "boolean") return input.checked;
  if (kind === "string") return input.value || input.placeholder;
  if (input.value.trim() === "") return undefined;
  return kind === "number" || kind === "integer" ? Number(input.value) : JSON.parse(input.value);
}

function request() {
  const inputs = [...at("fields").querySelectorAll("[data-kind]")];
  if (inputs.length === 1 && inputs[0].dataset.name === "") return valueOf(inputs[0]);
  return Object.fromEntries(inputs.map(input => [input.dataset.name, valueOf(input)]).filter(([, value]) => value !== undefined));
}

page.complain = error => at("answer").replaceChildren(refused(error));
page.describe = model => {
  form = model.pages[SURFACE];
  if (!form) throw new Error(message("{name} has no page; the API lists what it answers", {name: model.name}));
  const properties = propertiesOf(form.request), example = form.example;
  const fields = properties ? properties.map(([key, schema]) => field(key, schema, example && example[key])) : [field("", form.request, example)];
  at("fields").replaceChildren(...fields.flat());
  at("answer").replaceChildren();
  at("send").disabled = false;
};

at("form").addEventListener("keydown", event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit(); });
at("form").addEventListener("submit", async event => {
  event.preventDefault();
  if (!described) return begin();
  at("send").disabled = true;
  const started = performance.now();
  try {
    const input = request(), body = form.listed ? {[form.listed[0]]: [input]} : input;
    explain(form.path, body);
    const reply = await ask(form.path, body);
    at("answer").replaceChildren(...draw(form.drawing, form.listed ? reply[form.listed[1]][0] : reply, input), took(started));
  } catch (error) { page.complain(error); }
  at("send").disabled = false;
});
