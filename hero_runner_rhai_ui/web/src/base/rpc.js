// Calls of the runner: POST to where the page says it is. Used by pages and by the worker.

const RUNNER_DOWN = -32099; // as src/proxy.c answers

export class RpcError extends Error {
  constructor(method, code, message, data) {
    super(message);
    this.method = method;
    this.code = code; // of JSON-RPC; an HTTP status when there was no answer in JSON-RPC; 0: none
    this.data = data;
  }

  /** Nobody is there: the bar says so, and what was asked for comes when somebody is again. */
  get isUnreachable() {
    return this.code === 0 || this.code === RUNNER_DOWN;
  }

  /** The runner is an older one, without this method or one of its parameters. */
  get isUnsupported() {
    return this.code === -32601;
  }
}

const TIMEOUT_MS = 70000; // longer than the longest held call the page makes
let lastId = 0;

async function answerOf(method, response) {
  try {
    return await response.json();
  } catch {
    throw new RpcError(method, response.status, `HTTP ${response.status} ${response.statusText}`);
  }
}

/** call(method, params, { signal }) → result */
export function rpcCaller(url) {
  return async function call(method, params = {}, { signal } = {}) {
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    let response;
    try {
      response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++lastId, method, params }),
        signal: signal && AbortSignal.any ? AbortSignal.any([signal, limit]) : (signal ?? limit),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      const why = limit.aborted ? "no answer in time" : "the dashboard's server does not answer";
      throw new RpcError(method, 0, why);
    }
    const answer = await answerOf(method, response);
    if (answer?.error) {
      const { code = response.status, message = answer.error, data } = answer.error;
      throw new RpcError(method, code, message, data);
    }
    return answer.result;
  };
}
