// A page's end of what is live: the hub, in a worker shared by all tabs or, where browsers have no
// such workers, in the page itself.
import { Hub } from "./hub.js";

const base = document.baseURI;
const rpc = new URL(document.body.dataset.rpc, base).href;
const target = new EventTarget();
const logs = new Map(); // id → Set of handlers

export const live = {
  state: "connecting",
  why: "",
  stats: null,
  statsAt: 0,

  /** on("state" | "stats" | "sessions" | "reset", handler) → function that takes it back */
  on(type, handler) {
    const listener = ({ detail }) => handler(detail);
    target.addEventListener(type, listener);
    return () => target.removeEventListener(type, listener);
  },

  /** Lines of a session after a seq as they come; handler gets the hub's "log" and "progress"
   * messages. Returns the function that ends it. */
  watchLog(id, after, handler) {
    if (!logs.has(id)) logs.set(id, new Set());
    logs.get(id).add(handler);
    send({ type: "watch", id, after });
    return () => {
      const handlers = logs.get(id);
      if (!handlers?.delete(handler) || handlers.size) return;
      logs.delete(id);
      send({ type: "unwatch", id });
    };
  },

  retry() {
    send({ type: "retry" });
  },
};

function receive(message) {
  if (message.type === "log" || message.type === "progress") {
    for (const handler of [...(logs.get(message.id) ?? [])]) handler(message);
    return;
  }
  if (message.type === "state") Object.assign(live, { state: message.state, why: message.why });
  if (message.type === "stats") Object.assign(live, { stats: message.stats, statsAt: Date.now() });
  target.dispatchEvent(new CustomEvent(message.type, { detail: message }));
}

let send;

function begin() {
  if (typeof SharedWorker === "undefined") {
    const hub = new Hub({ base, rpc });
    const port = { postMessage: receive };
    send = (message) => hub.receive(port, message);
    hub.join(port);
    return;
  }
  const { port } = new SharedWorker(new URL(document.body.dataset.worker, base), `hub ${base}`);
  port.onmessage = ({ data }) => receive(data);
  send = (message) => port.postMessage(message);
  send({ type: "begin", base, rpc });
  addEventListener("pagehide", () => send({ type: "leave" }));
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    send({ type: "begin", base, rpc });
    for (const id of logs.keys()) send({ type: "watch", id, after: 0 });
  });
}

begin();
