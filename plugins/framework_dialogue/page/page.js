"use strict";
const CHAT = "v1/chat/completions";
const EMPTY = message("The conversation is kept in this page alone; leaving or reloading it ends it.");
let turns = [];  // the conversation: {role, content}
let unread = 0;  // how many of the oldest turns the model's window has no room for
let running = null;  // AbortController of the answer in progress

async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part; !(part = await reader.read()).done;) {
    const events = (rest + part.value).split("\n\n");
    rest = events.pop();
    yield* events.map(event => event.replace(/^data: /, ""));
  }
}

async function answer(messages, onPiece, signal) {
  let reason, counted;
  for await (const event of eventsOf(await send(CHAT, request(messages), signal))) {
    signal.throwIfAborted();  // also drops events that have arrived already
    if (event === "[DONE]") return {reason, counted};
    const {choices, usage, error} = JSON.parse(event);
    if (error) throw new Error(error.message);
    if (usage) counted = usage;
    for (const {delta, finish_reason} of choices) {
      if (delta.content) onPiece(delta.content);
      if (finish_reason) reason = finish_reason;
    }
  }
  throw new Error(message("The connection ended before the answer did."));
}

function request(messages) {
  const system = at("system").value.trim();
  const options = [...at("options").querySelectorAll("input")];
  const wrong = options.find(input => input.validity.badInput);
  if (wrong) throw new Error(message("{name} is not a number", {name: wrong.name}));
  const values = options.filter(input => input.value !== "").map(input => [input.name, Number(input.value)]);
  return {
    model: described.name, messages: system ? [{role: "system", content: system}, ...messages] : messages,
    ...Object.fromEntries(values), stream: true, stream_options: {include_usage: true},
  };
}

function show(role, text) {
  const turn = make("article", undefined, {class: "turn " + role});
  turn.append(make("h2", role === "user" ? message("You") : described.name), make("p", text), make("small"));
  if (!at("log").querySelector(".turn")) at("log").replaceChildren();
  at("log").append(turn);
  return turn;
}

function following(change) {
  const root = document.documentElement;
  const below = root.scrollHeight - innerHeight - scrollY < 60;
  change();
  if (below) scrollTo(0, root.scrollHeight);
}

function complain(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

function busy(controller) {
  running = controller;
  at("stop").hidden = !controller;
  at("send").hidden = Boolean(controller);
}

function summaryOf({reason, counted}, milliseconds) {
  const {prompt_tokens: read, completion_tokens: written, shortened_messages: shortened} = counted;
  const parts = [message("{read} tokens read, {written} written in {seconds} s", {read, written, seconds: (milliseconds / 1000).toFixed(1)})];
  if (reason === "length") parts.push(message("cut off at the limit of tokens"));
  if (unread === 1) parts.push(message("the oldest message was dropped: the model's window has no room for more"));
  if (unread > 1) parts.push(message("the oldest {count} messages were dropped: the model's window has no room for more", {count: unread}));
  if (shortened) parts.push(message("your message, or the system message, was read in part: it is longer than the model's window"));
  return parts.reduce((one, other) => message("{one}; {other}", {one, other}));
}

async function say(text) {
  const conversation = turns;
  const question = {role: "user", content: text};
  const shown = [show("user", text), show("assistant", "")];
  const [, paragraph, note] = shown[1].children;
  const started = performance.now();
  let ended, broke;
  complain("");
  at("text").value = "";
  shown[1].setAttribute("aria-busy", "true");
  scrollTo(0, document.documentElement.scrollHeight);
  busy(new AbortController());
  try {
    const messages = [...turns.slice(unread), question];  // dropped turns would be dropped again
    explain(CHAT, request(messages), "-N ");
    const result = await answer(messages, piece => following(() => paragraph.append(piece)), running.signal);
    unread += result.counted.dropped_messages;
    ended = summaryOf(result, performance.now() - started);
  } catch (error) {
    const stopped = error.name === "AbortError";
    broke = stopped ? message("stopped") : message("broken off");
    if (turns === conversation && !stopped) complain(error.message);
  }
  busy(null);
  shown[1].removeAttribute("aria-busy");
  if (turns !== conversation) return;
  const content = paragraph.textContent;
  if (content.trim()) {
    turns.push(question, {role: "assistant", content});
    following(() => { note.textContent = ended || broke; });
  } else if (ended) {
    following(() => { note.textContent = message("No words came. This message and the empty answer are left out of what is sent next."); });
  } else {
    shown.forEach(turn => turn.remove());
    at("text").value = text + (at("text").value && "\n" + at("text").value);
    if (!at("log").firstChild) begun();
  }
}

function begun() {
  at("log").replaceChildren(make("p", EMPTY, {class: "soft"}));
}

function field(name, schema) {
  const input = make("input", undefined, {id: "option-" + name, name, type: "number", step: schema.type === "integer" ? 1 : "any"});
  if (schema.minimum !== undefined) input.min = schema.minimum;
  if (schema.maximum !== undefined) input.max = schema.maximum;
  const box = make("div");
  box.append(make("label", captioned(name, schema), {for: input.id}), input);
  return box;
}

page.complain = error => complain(error.message);
page.describe = model => {
  unread = 0;
  const numbers = propertiesOf(model.request).filter(([, schema]) => schema.type === "number" || schema.type === "integer");
  at("options").replaceChildren(...numbers.map(([key, schema]) => field(key, schema)));
  explain(CHAT, request([{role: "user", content: message("Hello")}]), "-N ");
  complain("");
  at("send").disabled = false;
};

at("system").addEventListener("change", () => { unread = 0; });
at("stop").addEventListener("click", () => { running.abort(); at("text").focus(); });
at("new").addEventListener("click", () => {
  if (running) running.abort();
  turns = [];
  unread = 0;
  complain("");
  begun();
  at("text").focus();
});
at("text").addEventListener("keydown", event => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at("form").requestSubmit();
});
at("form").addEventListener("submit", event => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!described) begin();
  else if (text && !running) say(text);
  at("text").focus();
});
begun();
