// Calls of the runner for the page's views.
import { rpcCaller } from "../base/rpc.js";
import { toastError } from "../base/toast.js";

/** call(method, params, options) → result; throws RpcError. */
export const call = rpcCaller(new URL(document.body.dataset.rpc, document.baseURI).href);

/** The same with a failure shown as a toast; then the result is undefined. */
export async function ask(method, params, options) {
  try {
    return await call(method, params, options);
  } catch (error) {
    if (!options?.signal?.aborted) toastError(error);
    return undefined;
  }
}

const absent = new Set();

/** For what an older runner lacks: undefined then, and asked only once. Other failures throw. */
export async function callIfThere(method, params, options) {
  if (absent.has(method)) return undefined;
  try {
    return await call(method, params, options);
  } catch (error) {
    if (!error.isUnsupported) throw error;
    absent.add(method);
    return undefined;
  }
}
