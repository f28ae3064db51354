"use strict";
const PATHS = {
  user: message("From what is known of this user"), history: message("From this history"),
  attributes: message("Nothing is known of this user but attributes"), popularity: message("Nothing is known: what most take"),
};
let taken = [], searches = 0;

const nameOf = item => item.title || item.item;

function showTaken() {
  at("taken").replaceChildren(...taken.map((item, place) => {
    const remove = make("button", message("remove"), {type: "button", "aria-label": message("Remove {item}", {item: nameOf(item)})});
    remove.addEventListener("click", () => { taken.splice(place, 1); showTaken(); });
    const row = make("div");
    row.append(make("span", nameOf(item)), remove);
    const entry = make("li");
    entry.append(row);
    return entry;
  }));
}

function take(item) {
  taken.push(item);
  at("search").value = at("user").value = "";
  offer([]);
  showTaken();
  at("search").focus();
}

function offer(items) {
  at("search").setAttribute("aria-expanded", String(items.length > 0));
  at("found").replaceChildren(...items.map(item => {
    const button = make("button", nameOf(item), {type: "button"});
    button.addEventListener("click", () => take(item));
    const entry = make("li");
    entry.append(button);
    return entry;
  }));
}

async function search() {
  const text = at("search").value.trim(), mine = ++searches;
  if (!text || !described) return offer([]);
  try {
    const {items} = await ask(address("items") + "?limit=8&search=" + encodeURIComponent(text));
    if (mine === searches) offer(items.filter(({item}) => !taken.some(other => other.item === item)));
  } catch (error) { page.complain(error); }
}

async function takeFirst() {
  await search();  // the items offered so far may be those of an earlier text
  at("found").querySelector("button")?.click();
}

function request() {
  const body = {k: Number(at("k").value)};
  if (at("user").value.trim()) body.user = at("user").value.trim();
  else body.history = taken.map(({item}) => item);
  const filter = {};
  for (const select of at("filters").querySelectorAll("select")) if (select.value) filter[select.name] = select.value;
  if (Object.keys(filter).length) body.filter = filter;
  return body;
}

function show(response, started) {
  const parts = [make("h2", PATHS[response.path])];
  if (response.known_user === false) parts.push(make("p", message("User {user} is not known.", {user: at("user").value.trim()}), {class: "error"}));
  if (response.unknown.length) parts.push(make("p", message("Not in the catalogue: {items}", {items: response.unknown.join(", ")}), {class: "error"}));
  at("answer").replaceChildren(...parts, ...draw(described.drawing, response), took(started));
}

function choiceOf(name, schema) {
  const select = make("select", undefined, {id: "filter-" + name, name});
  select.append(make("option", message("any"), {value: ""}), ...schema.anyOf[0].enum.map(value => make("option", value, {value})));
  const box = make("div");
  box.append(make("label", name, {for: select.id}), select);
  return box;
}

page.complain = error => at("answer").replaceChildren(refused(error));
page.describe = model => {
  taken = [];
  const {k = {}, filter = {properties: {}}} = Object.fromEntries(propertiesOf(model.request) || []);
  at("k").value = k.default || 10;
  const columns = Object.entries(filter.properties).filter(([, schema]) => schema.anyOf && schema.anyOf[0].enum);
  at("filters").replaceChildren(...columns.map(([column, schema]) => choiceOf(column, schema)));
  showTaken();
  at("answer").replaceChildren();
  at("send").disabled = false;
};

at("search").addEventListener("input", search);
at("search").addEventListener("keydown", event => {
  const first = at("found").querySelector("button");
  if (event.key === "Enter" && at("search").value.trim()) { event.preventDefault(); takeFirst(); }
  if (event.key === "ArrowDown" && first) { event.preventDefault(); first.focus(); }
  if (event.key === "Escape") offer([]);
});
for (const leaves of ["pointerdown", "focusin"]) document.addEventListener(leaves, ({target}) => {
  if (!at("found").parentElement.contains(target)) offer([]);
});
at("form").addEventListener("submit", async event => {
  event.preventDefault();
  if (!described) return begin();
  at("send").disabled = true;
  const started = performance.now();
  try {
    const body = request();
    explain(address("recommend"), body);
    show(await ask(address("recommend"), body), started);
  } catch (error) { page.complain(error); }
  at("send").disabled = false;
});
