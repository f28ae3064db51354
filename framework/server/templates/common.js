"use strict";
// The script of all pages. The script of a surface's page sets page.describe(model), called for each chosen model, and page.complain(error).
const at = id => document.getElementById(id);
const SURFACE = document.body.dataset.surface;
const SHOWN = 10;  // bars of an answer at most
const page = {describe() {}, complain(error) { at("about").textContent = error.message; }};
let described = null;  // the chosen model, as GET v1/models/NAME describes it
const MESSAGES = JSON.parse(at("messages").textContent);  // of this page, by English template, in the language of the browser

// The template must be a literal in double quotes: the server finds templates in the source of the page. Values of numbers are texts.
function message(template, values = {}) {
  return (MESSAGES[template] ?? template).replace(/\{(\w+)[^}]*\}/g, (place, name) => values[name] ?? place);
}

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

async function send(path, body, signal) {
  const headers = {"Content-Type": "application/json"};
  if (at("key").value) headers["Authorization"] = "Bearer " + at("key").value;
  const response = await fetch(path, body === undefined ? {headers} : {method: "POST", headers, body: JSON.stringify(body), signal});
  if (response.ok) return response;
  if (response.status === 401) {
    at("locked").hidden = false;
    throw new Error(at("key").value ? message("This key is wrong.") : message("This server asks for a key."));
  }
  const {error, status} = await response.json().catch(() => ({}));
  throw new Error((error && error.message) || error || status || message("status {number}", {number: response.status}));
}

const ask = async (path, body) => (await send(path, body)).json();
const address = what => "v1/models/" + encodeURIComponent(described.name) + (what ? "/" + what : "");

function explain(path, body, flags = "") {
  const key = at("key").value ? " -H 'Authorization: Bearer KEY'" : "";
  const json = JSON.stringify(body).replaceAll("'", "'\\''");
  at("curl").textContent = `curl ${flags}${new URL(path, document.baseURI)}${key} -H 'Content-Type: application/json' -d '${json}'`;
  at("how").hidden = false;
}

function propertiesOf(schema) {
  const object = [schema, ...(schema.anyOf || []), ...(schema.oneOf || [])].find(option => option.properties);
  return object ? Object.entries(object.properties) : null;
}

const percent = (share, digits) => message("{number} %", {number: (100 * share).toFixed(digits)});

const captioned = (name, {description}) => description ? message("{name} – {description}", {name, description}) : name;

// The likeliest labels, each with a bar; the chosen ones are all shown, and marked.
function bars(shares, chosen = []) {
  const sorted = Object.entries(shares).sort((a, b) => b[1] - a[1]);
  const shown = sorted.filter(([name], place) => place < SHOWN || chosen.includes(name));
  const parts = shown.map(([name, share]) => {
    const bar = make("div", undefined, {class: "bar"}), fill = make("i"), track = make("div");
    fill.style.width = 100 * share + "%";
    track.append(fill);
    bar.append(make("span", chosen.includes(name) ? "✓ " + name : name), track, make("b", percent(share, 1)));
    return bar;
  });
  const more = sorted.length - shown.length;
  if (more) parts.push(make("p", message("and {count} more labels", {count: more}), {class: "soft"}));
  return parts;
}

// How answers are drawn, by the codec's hints: each function returns the elements that show one answer.

const drawings = {
  label(hints, answer) {
    const label = answer[hints.label], shares = answer[hints.probabilities];
    if (label === undefined || typeof shares !== "object") return drawings.fields(hints, answer);
    const parts = [make("h2", answer[hints.unsure] ? message("Not sure (most likely {label})", {label}) : label)];
    if (answer[hints.familiar] === false) {
      parts[0].textContent = message("Unfamiliar (most likely {label})", {label});
      parts.push(make("p", message("This is unlike everything that the model was made for.")));
    }
    return [...parts, ...bars(shares)];
  },

  labels(hints, answer) {
    const labels = answer[hints.labels], shares = answer[hints.probabilities];
    if (!Array.isArray(labels) || typeof shares !== "object") return drawings.fields(hints, answer);
    const heading = make("h2", labels.length ? labels.join(" · ") : message("None of the labels"), {class: labels.length ? "" : "soft"});
    return [heading, ...bars(shares, labels)];
  },

  spans(hints, answer, input) {
    const spans = answer[hints.spans];
    if (!Array.isArray(spans)) return drawings.fields(hints, answer);
    const text = typeof input === "string" ? input : input[hints.text] || (input[hints.tokens] || []).join(" ");
    const characters = Array.from(text);  // offsets count characters, not UTF-16 units
    const labels = [...new Set(spans.map(span => span.label))].sort();
    const line = make("blockquote", undefined, {"aria-label": hints.spans});
    let end = 0;  // of the text that has been drawn
    for (const span of [...spans].sort((a, b) => a.start - b.start)) {
      if (span.start < end) continue;
      line.append(characters.slice(end, span.start).join(""));
      const score = span.score === undefined ? "" : " " + percent(span.score, 0);
      const mark = make("mark", characters.slice(span.start, span.end).join(""), {class: "h" + labels.indexOf(span.label) % 8, title: span.label + score});
      mark.append(" ", make("small", span.label));
      line.append(mark);
      end = span.end;
    }
    line.append(characters.slice(end).join(""));
    return spans.length ? [line] : [line, make("p", message("Nothing was found in this text."), {class: "soft"})];
  },

  ranking(hints, answer) {
    const items = answer[hints.items];
    if (!Array.isArray(items)) return drawings.fields(hints, answer);
    if (!items.length) return [make("p", message("Nothing is left."))];
    const list = make("ol");
    for (const item of items) {
      const row = make("div"), entry = make("li"), score = item[hints.score];
      row.append(make("span", String(item[hints.title] ?? item[hints.id]), {title: String(item[hints.id] ?? "")}));
      if (score !== undefined) row.append(make("span", String(typeof score === "number" ? Number(score.toFixed(3)) : score), {class: "soft", title: hints.score}));
      entry.append(row);
      list.append(entry);
    }
    return [list];
  },

  fields(hints, answer) {
    const parts = [], list = make("dl");
    const first = Object.keys(answer).find(name => typeof answer[name] === "string");
    if (first !== undefined) parts.push(make("blockquote", answer[first], {"aria-label": first}));
    for (const [name, value] of Object.entries(answer).filter(([name]) => name !== first))
      list.append(make("dt", name), make("dd", typeof value === "object" ? JSON.stringify(value) : String(value)));
    return [...parts, list];
  },
};

const draw = (hints, answer, input) => (drawings[hints.kind] || drawings.fields)(hints, answer, input);
const took = started => make("p", message("{milliseconds} ms, network included", {milliseconds: (performance.now() - started).toFixed(0)}), {class: "soft"});
const refused = error => make("p", error.message, {class: "error", role: "alert"});

// The choice of the model and of its page.

const query = (model, surface) => "?model=" + encodeURIComponent(model) + (surface ? "&surface=" + encodeURIComponent(surface) : "");

async function describe(name) {
  const model = await ask("v1/models/" + encodeURIComponent(name));
  const chosen = new URLSearchParams(location.search).get("surface");
  const surface = chosen in model.pages ? chosen : model.page;
  if (surface !== SURFACE) return location.replace(query(name, surface === model.page ? "" : surface));  // this is the page of another surface
  described = model;
  at("title").textContent = model.name;
  at("about").textContent = message("{task}, version {version}, {variant} on {provider}", model);
  const others = Object.entries(model.pages).filter(([surface]) => surface !== SURFACE);
  at("others").replaceChildren(...others.flatMap(([surface, {title}]) => [make("a", title, {href: query(name, surface)}), " "]));
  page.describe(model);
}

async function begin() {
  try {
    const {models} = await ask("v1/models");
    if (!models.length) throw new Error(message("The model is still being loaded and checked."));
    at("model").replaceChildren(...models.map(({name}) => make("option", name, {value: name})));
    const chosen = new URLSearchParams(location.search).get("model");
    at("model").value = models.some(({name}) => name === chosen) ? chosen : models[0].name;
    at("choice").hidden = models.length < 2;
    await describe(at("model").value);
  } catch (error) {
    at("about").textContent = error.message;
    if (at("locked").hidden) setTimeout(begin, 1000);
  }
}

at("model").addEventListener("change", () => describe(at("model").value).catch(error => page.complain(error)));
at("key").addEventListener("change", () => { if (!described) begin(); });
document.addEventListener("DOMContentLoaded", begin);
