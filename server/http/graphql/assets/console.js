// The built-in console: one form, requests by POST, subscriptions by graphql-transport-ws. Depends on nothing.

const LAYOUT = `
  <header><h1></h1><p role="status" id="problem"></p></header>
  <form>
    <label for="query">Operation</label>
    <textarea id="query" rows="14" spellcheck="false"></textarea>
    <label for="variables">Variables (JSON)</label>
    <textarea id="variables" rows="4" spellcheck="false" placeholder="{}"></textarea>
    <label for="key">API key</label>
    <input id="key" type="password" autocomplete="off" placeholder="none: you ask as anybody">
    <label for="purpose">Purpose</label>
    <input id="purpose" autocomplete="off" placeholder="what rows are read for; some lakes ask it">
    <p class="buttons">
      <button type="submit" id="run">Run</button>
      <button type="button" id="stop" disabled>Stop</button>
      <span>Ctrl-Enter runs the operation under the cursor</span>
    </p>
  </form>
  <section>
    <h2 id="state" role="status">No answer yet</h2>
    <pre id="result" tabindex="0"></pre>
    <ol id="events" aria-label="Events, the latest first"></ol>
  </section>`;
const EVENTS_KEPT = 200;

const pretty = (value) => JSON.stringify(value, null, 2);

// The operations of a document: their kind and name, and where each ends. Strings, comments and arguments are blanked at
// their length, so that only heads are left, each before the run of ~ that its selection has become.
function operationsIn(text) {
  const blank = (found) => " ".repeat(found.length);
  const plain = text.replace(/"""[^]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*/g, blank);
  let heads = plain.replace(/\([^()]*\)/g, blank);
  for (let longer = ""; longer !== heads; ) {
    longer = heads;
    heads = heads.replace(/\{[^{}]*\}/g, (found) => "~".repeat(found.length));
  }
  return [...heads.matchAll(/\s*(\w*)\s*(\w*)[^~]*~+/g)]
    .map((found) => ({ kind: found[1] || "query", name: found[2] || null, end: found.index + found[0].length }))
    .filter(({ kind }) => kind !== "fragment");
}

// The operation in which the cursor stands, or the next one, or the last.
function operationAt(text, cursor) {
  const operations = operationsIn(text);
  return operations.find(({ end }) => cursor <= end) ?? operations.at(-1) ?? { kind: "query", name: null };
}

async function ask(endpoint, { key, purpose }, request) {
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (purpose) headers["X-Purpose"] = String.fromCharCode(...new TextEncoder().encode(purpose)); // UTF-8 in a header
  const answer = await fetch(endpoint, { method: "POST", headers, body: JSON.stringify(request) });
  return answer.json();
}

// Calls `told.event` for each event and `told.ended` once; returns what stops it.
function subscribe(socketUrl, { key, purpose }, request, told) {
  const socket = new WebSocket(socketUrl, "graphql-transport-ws");
  const send = (message) => socket.send(JSON.stringify(message));
  let reason = "";
  const caller = { ...(key && { apiKey: key }), ...(purpose && { purpose }) };
  socket.onopen = () => send({ type: "connection_init", payload: caller });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "connection_ack") send({ id: "1", type: "subscribe", payload: request });
    if (message.type === "ping") send({ type: "pong" });
    if (message.type === "next") told.event(message.payload);
    if (message.type === "error") told.event({ errors: message.payload });
    if (message.type === "complete" || message.type === "error") {
      reason = "the server ended it";
      socket.close(1000);
    }
  };
  socket.onclose = ({ code, reason: given }) => told.ended(reason || given || `closed with ${code}`);
  return () => {
    reason = "stopped";
    socket.close(1000);
  };
}

export function startConsole(page, { endpoint, socketUrl, example, problem }) {
  page.innerHTML = LAYOUT;
  const part = (id) => page.querySelector(`#${id}`);
  page.querySelector("h1").textContent = page.dataset.title;
  part("problem").textContent =
    `GraphiQL cannot be loaded: ${problem}. This built-in console does the same without completion and documentation.`;
  part("query").value = example;
  part("query").setSelectionRange(0, 0);
  let stop = null;

  const show = (state, value) => {
    part("state").textContent = state;
    part("result").textContent = value === undefined ? "" : pretty(value);
  };

  const caller = () => ({ key: part("key").value.trim(), purpose: part("purpose").value.trim() });

  const listen = (request) => {
    let count = 0;
    show("Subscribed, no event yet");
    part("stop").disabled = false;
    const mine = subscribe(socketUrl, caller(), request, {
      event(payload) {
        if (stop !== mine) return;
        count += 1;
        show(`Subscribed, ${count} ${count === 1 ? "event" : "events"}`, payload);
        const item = document.createElement("li");
        item.textContent = `${new Date().toLocaleTimeString()}  ${JSON.stringify(payload)}`;
        part("events").prepend(item);
        if (count > EVENTS_KEPT) part("events").lastChild.remove();
      },
      ended(why) {
        if (stop !== mine) return; // another one has begun meanwhile
        part("state").textContent = `Subscription over after ${count} ${count === 1 ? "event" : "events"}: ${why}`;
        part("stop").disabled = true;
        stop = null;
      },
    });
    stop = mine;
  };

  const run = async () => {
    const running = stop;
    stop = null;
    if (running) running();
    part("stop").disabled = true;
    part("events").replaceChildren();
    try {
      const variables = JSON.parse(part("variables").value.trim() || "{}");
      const query = part("query").value;
      const { kind, name } = operationAt(query, part("query").selectionStart);
      const request = { query, variables, operationName: name };
      if (kind === "subscription") {
        listen(request);
        return;
      }
      show("Running …");
      const began = performance.now();
      const answer = await ask(endpoint, caller(), request);
      const took = Math.round(performance.now() - began);
      show(`${answer.errors ? "Answered with errors" : "Answered"} in ${took} ms`, answer);
    } catch (error) {
      show(error instanceof SyntaxError ? `The variables or the answer are no JSON: ${error.message}` : String(error));
    }
  };

  page.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  page.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
  part("stop").addEventListener("click", () => stop && stop());
}
