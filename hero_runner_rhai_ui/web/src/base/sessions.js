// What all views need to know of sessions: how they look, what can be done with them.
import { copyText, h, icon } from "./dom.js";
import { confirmDialog } from "./dialog.js";
import { duration, plural, shortId } from "./format.js";
import { go } from "./go.js";
import { toast, toastError } from "./toast.js";
import { ask, call } from "../live/runner.js";
import openIcon from "bootstrap-icons/icons/box-arrow-up-right.svg";
import logIcon from "bootstrap-icons/icons/journal-text.svg";
import stopIcon from "bootstrap-icons/icons/stop-circle.svg";
import againIcon from "bootstrap-icons/icons/arrow-repeat.svg";
import editIcon from "bootstrap-icons/icons/pencil-square.svg";
import copyIcon from "bootstrap-icons/icons/copy.svg";
import deleteIcon from "bootstrap-icons/icons/trash.svg";

export const STATUSES = ["pending", "running", "succeeded", "failed", "cancelled"];

export const isLive = ({ status }) => status === "pending" || status === "running";

export function badge(session) {
  const reason = session.reason && session.status === "failed" ? ` · ${session.reason}` : "";
  const position = session.queue_position ? ` · ${session.queue_position}` : "";
  return h(
    "span",
    { class: `status ${session.status}`, title: session.message ?? "" },
    session.status + reason + position,
  );
}

export function nameOf(session) {
  const { kind, name } = session.source ?? {};
  if (!name) return "script";
  return kind === "path" ? name.split("/").pop() : name;
}

function durationOf(session) {
  if (!session.started_at_ms) return session.ended_at_ms ? 0 : undefined;
  return (session.ended_at_ms ?? Date.now()) - session.started_at_ms;
}

export function durationText(session) {
  const ms = durationOf(session);
  return ms === undefined ? "" : duration(ms);
}

export function callerOf({ caller }) {
  return (
    caller?.hero_user ?? caller?.user ?? (caller?.uid === undefined ? "" : `uid ${caller.uid}`)
  );
}

export async function stopSessions(sessions) {
  const running = sessions.filter(isLive);
  const outcomes = await Promise.allSettled(
    running.map(({ session_id }) => call("session_stop", { session_id })),
  );
  for (const { reason } of outcomes) if (reason) toastError(reason);
  const stopped = outcomes.filter(({ value }) => value?.ok).length;
  if (stopped) toast(`Stopping ${plural(stopped, "session")}`);
}

/** Gives the new session's id, or undefined. */
export async function rerun(session) {
  const answer = await ask("session_rerun", { session_id: session.session_id });
  return answer?.session_id;
}

/** Gives the ids that are gone. */
async function deleteSessions(sessions) {
  const ended = sessions.filter((session) => !isLive(session));
  if (!ended.length) return [];
  const title = `Delete ${ended.length === 1 ? `session ${shortId(ended[0].session_id)}` : plural(ended.length, "session")}?`;
  const text = "Record, result and log are gone for good.";
  if (!(await confirmDialog(title, text, { action: "Delete", danger: true }))) return [];
  const outcomes = await Promise.allSettled(
    ended.map(({ session_id }) => call("session_delete", { session_id })),
  );
  for (const { reason } of outcomes) if (reason) toastError(reason);
  return ended.filter((_, i) => outcomes[i].value?.ok).map(({ session_id }) => session_id);
}

async function copyIds(sessions) {
  await copyText(sessions.map(({ session_id }) => session_id).join("\n"));
  toast("Copied", sessions.length === 1 ? sessions[0].session_id : plural(sessions.length, "id"));
}

/** Entries of a context menu for one session or several. done(kind, ids) is told what has changed. */
export function sessionMenu(sessions, done = () => {}) {
  const [first] = sessions;
  const isOne = sessions.length === 1;
  const path = `sessions/${first.session_id}`;
  const ids = sessions.map(({ session_id }) => session_id);
  const again = async () => {
    for (const session of sessions) {
      const id = await rerun(session);
      if (id && isOne) go(`sessions/${id}`);
      if (id) done("rerun", [id]);
    }
  };
  const remove = async () => {
    const gone = await deleteSessions(sessions);
    if (gone.length) done("delete", gone);
  };
  return [
    isOne && { label: "Open", icon: icon(openIcon), run: () => go(path) },
    {
      label: isOne ? "Log" : "Logs together",
      icon: icon(logIcon),
      run: () => go(`logs?s=${ids.join(",")}`),
    },
    isOne && {
      label: "Edit and run",
      icon: icon(editIcon),
      run: () => go(`run?from=${first.session_id}`),
    },
    { label: isOne ? "Copy id" : "Copy ids", icon: icon(copyIcon), run: () => copyIds(sessions) },
    null,
    {
      label: "Rerun",
      icon: icon(againIcon),
      disabled: !sessions.some((s) => !isLive(s)),
      run: again,
    },
    {
      label: "Stop",
      icon: icon(stopIcon),
      disabled: !sessions.some(isLive),
      run: () => stopSessions(sessions),
    },
    {
      label: "Delete",
      icon: icon(deleteIcon),
      danger: true,
      disabled: sessions.every(isLive),
      run: remove,
    },
  ].filter((item) => item !== false);
}
