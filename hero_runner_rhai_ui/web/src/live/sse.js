// Reading a stream of events (WHATWG HTML, "Server-sent events"), with the field "from" that the
// dashboard's server adds. EventSource cannot be used: it shows neither that field nor a status.

/** Calls onEvent({ from, event, id, data }) for each event of the text pushed. */
export class EventParser {
  #onEvent;
  #rest = "";
  #event = {};

  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  push(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === "") {
      const event = this.#event;
      this.#event = {};
      if (event.data !== undefined) this.#onEvent(event);
      return;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) return; // a comment
    const name = line.slice(0, colon);
    const value = line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data" && this.#event.data !== undefined) this.#event.data += `\n${value}`;
    else this.#event[name] = value;
  }
}
