// Write, run, watch, stop, run again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { examples } from "../../web/src/run/examples.js";
import {
    closeBrowser,
    launch,
    logLength,
    logRows,
    open,
    Place,
    setScript,
    until,
    waitForState,
} from "./place.mjs";

let place;

before(async () => {
    place = await Place.start();
    await launch();
});

after(async () => {
    await closeBrowser();
    await place.end();
});

async function openRun(more = {}) {
    const opened = await open(more);
    await opened.page.goto(`${place.url}run`);
    await opened.page.locator(".cm-content").waitFor();
    return opened;
}

test("a script runs with Ctrl-Enter; its lines appear while it runs, then its value", async () => {
    const { page, end } = await openRun();
    await setScript(page, 'print("one"); sleep(1.5); print("two"); #{ answer: 42 }');
    await page.keyboard.press("Control+Enter");
    await page.locator(".log-row", { hasText: "one" }).waitFor();
    await page.locator(".run-state .status.running").waitFor();
    assert.equal(await page.locator(".log-row", { hasText: "two" }).count(), 0);
    await page.locator(".run-outcome", { hasText: "answer: 42" }).waitFor();
    await page.locator(".run-state .status.succeeded").waitFor();
    assert.deepEqual(
        (await logRows(page)).map(({ text }) => text),
        ["one", "two"],
    );
    await end();
});

test("a syntax error is underlined while typing", async () => {
    const { page, end } = await openRun();
    await setScript(page, "let x = ;\nprint(x);");
    await page.locator(".cm-lintRange-error").waitFor();
    await end();
});

test("an error is shown at its place in the script, and the editor goes there", async () => {
    const { page, end } = await openRun();
    await setScript(page, "let x = 1;\n\nx + nope");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page
        .locator(".run-outcome .error-text", { hasText: "Variable not found: nope" })
        .waitFor();
    assert.equal(
        await page.locator(".run-outcome .code-line.marked .code-text").textContent(),
        "x + nope",
    );
    assert.equal(await page.locator(".run-outcome .caret .code-text").textContent(), "    ^");
    await page.getByRole("button", { name: "Go to line 3" }).click();
    await page.locator(".cm-activeLine", { hasText: "nope" }).waitFor();
    await end();
});

test("functions of the server are completed with what they do", async () => {
    const { page, end } = await openRun();
    await setScript(page, "sle");
    await page.keyboard.press("Control+Space");
    await page.locator(".cm-tooltip-autocomplete li", { hasText: "sleep" }).first().waitFor();
    await page.locator(".completion-info code", { hasText: "sleep(" }).waitFor();
    await end();
});

test("declared inputs become a form, and what is wrong with them a message", async () => {
    const { page, end } = await openRun();
    await setScript(
        page,
        "/// @input count: int = 2  how often\n/// @input who: string  whom to greet\nfor i in 0..count { print(who); }\n",
    );
    await page.locator(".inputs").getByLabel("who").fill("ana");
    await page.locator(".inputs").getByLabel("count").fill("many");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.locator(".toast-card.error", { hasText: 'count: "many" is not a number' }).waitFor();
    await page.locator(".inputs").getByLabel("count").fill("3");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.locator(".run-state .status.succeeded").waitFor();
    await until("three lines", async () => (await logRows(page)).length === 3);
    assert.deepEqual(
        (await logRows(page)).map(({ text }) => text),
        ["ana", "ana", "ana"],
    );
    await end();
});

test("options are sent: arguments, variables, time limit", async () => {
    const { page, end } = await openRun();
    await setScript(page, 'print(ARGS[1] + env("COLOUR")); sleep(60.0);');
    await page.locator(".options summary").click();
    await page.getByPlaceholder("one a line").fill("a\nb");
    await page.getByRole("button", { name: "Add a variable" }).click();
    await page.getByLabel("Name of a variable").fill("COLOUR");
    await page.getByLabel("Its value").fill("red");
    await page.getByPlaceholder("none, or 30s").fill("1s");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.locator(".log-row", { hasText: "bred" }).waitFor();
    await page.locator(".run-state .status.failed", { hasText: "timeout" }).waitFor();
    await end();
});

test("a script that runs is stopped", async () => {
    const { page, end } = await openRun();
    await setScript(page, "loop { sleep(1.0); }");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.locator(".run-state .status.cancelled").waitFor();
    assert.equal(await page.getByRole("button", { name: "Stop", exact: true }).isVisible(), false);
    await end();
});

test("scripts are saved in the library and opened from it", async () => {
    const { page, end } = await openRun();
    await setScript(page, 'print("first");');
    await page.getByLabel("Name of the script").fill("tests/kept");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator(".toast-card", { hasText: "tests/kept, version 1" }).waitFor();
    await setScript(page, "0");
    await page.getByRole("button", { name: "Library" }).click();
    await page
        .getByRole("dialog")
        .getByRole("button", { name: /^tests\/kept/ })
        .click();
    await page.locator(".cm-content", { hasText: 'print("first");' }).waitFor();
    await end();
});

test("the text is still there after a reload", async () => {
    const { page, end } = await openRun();
    await setScript(page, "// precious");
    await until("the draft", () =>
        page.evaluate(() => localStorage.getItem("run.draft")?.includes("precious")),
    );
    await page.reload();
    await page.locator(".cm-content", { hasText: "// precious" }).waitFor();
    await end();
});

test("a session is opened, run again and deleted", async () => {
    const { session_id } = await place.run('print("again"); 7', { tags: ["special"] });
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${session_id}`);
    await page.locator(".log-row", { hasText: "again" }).waitFor();
    await page.locator(".session-side .value", { hasText: "7" }).waitFor();
    await page.locator(".code-text", { hasText: 'print("again")' }).waitFor();
    await page.getByRole("button", { name: "Rerun" }).click();
    await page.waitForURL(
        (url) => url.pathname.startsWith("/sessions/") && !url.pathname.includes(session_id),
    );
    await page.locator(".session-head .status.succeeded").waitFor();
    await page.locator(".facts", { hasText: session_id.slice(0, 8) }).waitFor();
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.waitForURL(`${place.url}sessions`);
    await end();
});

test("the list is live, searched, filtered and sorted", async () => {
    const { page, end } = await open();
    await page.goto(`${place.url}sessions`);
    await waitForState(page, "live");
    const id = await place.start('print(1); sleep(1.0); throw "no";', { tags: ["watched"] });
    const row = page.locator(`tr[data-id="${id}"]`);
    await row.locator(".status.running").waitFor();
    await row.locator(".status.failed", { hasText: "error" }).waitFor();
    await page.getByLabel("Search sessions").fill("tag:watched");
    await until("one row", async () => (await page.locator("tbody tr").count()) === 1);
    await page.getByLabel("Search sessions").fill("");
    await page.getByRole("button", { name: "failed", exact: true }).click();
    await until(
        "failed ones",
        async () => (await page.locator("tbody .status:not(.failed)").count()) === 0,
    );
    await page.getByRole("button", { name: "failed", exact: true }).click();
    await page.getByRole("button", { name: "Lines" }).click();
    await until("sorted rows", async () => {
        const lines = (await page.locator("tbody tr td:nth-child(6)").allTextContents()).map(
            Number,
        );
        return lines.length > 3 && lines.every((n, i) => i === 0 || n <= lines[i - 1]);
    });
    await end();
});

test("several sessions are chosen and stopped together", async () => {
    const ids = [
        await place.start("loop { sleep(1.0); }"),
        await place.start("loop { sleep(1.0); }"),
    ];
    const { page, end } = await open();
    await page.goto(`${place.url}sessions`);
    for (const id of ids) await page.getByLabel(`Select ${id.slice(0, 8)}`).check();
    await page.locator(".bulk").getByRole("button", { name: "Stop" }).click();
    for (const id of ids) await page.locator(`tr[data-id="${id}"] .status.cancelled`).waitFor();
    await end();
});

test("a context menu opens by mouse and by keyboard", async () => {
    const { session_id } = await place.run("1");
    const { page, end } = await open();
    await page.goto(`${place.url}sessions`);
    await page.locator(`tr[data-id="${session_id}"] td:nth-child(5)`).click({ button: "right" });
    await page.getByRole("menuitem", { name: "Copy id" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: `Actions for ${session_id.slice(0, 8)}` }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${place.url}sessions/${session_id}`);
    await end();
});

test("an error of a call is a toast with the method and the reason", async () => {
    const { page, end } = await openRun();
    await setScript(page, "1");
    await page.locator(".options summary").click();
    await page.getByPlaceholder("home of the server's owner").fill("not/absolute");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page
        .locator(".toast-card.error", { hasText: "session_start" })
        .filter({ hasText: "working_dir" })
        .waitFor();
    await end();
});

test("several logs are read as one", async () => {
    const a = await place.start("for i in 0..3 { print(`a${i}`); sleep(0.3); }");
    const b = await place.start("for i in 0..3 { print(`b${i}`); sleep(0.3); }");
    const { page, end } = await open();
    await page.goto(`${place.url}logs?s=${a},${b}`);
    await until("all lines", async () => (await logLength(page)) === 6);
    const texts = await page.locator(".log-text").allTextContents();
    assert.deepEqual(texts.filter((text) => text.startsWith("a")).sort(), ["a0", "a1", "a2"]);
    assert.deepEqual(texts.filter((text) => text.startsWith("b")).sort(), ["b0", "b1", "b2"]);
    await end();
});

test("every example is a script without errors", async () => {
    for (const { name, script } of examples) {
        const { errors } = await place.call("script_check", { script });
        assert.deepEqual(errors, [], name);
    }
});
