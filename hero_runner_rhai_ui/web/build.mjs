// Bundles the page into OUTPUT: index.html, and under assets/ everything else with a hash in its
// name, compressed. The server has the folder built in.
//
//   node build.mjs OUTPUT
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2];
if (!output) throw new Error("usage: node build.mjs OUTPUT");

/* The scripts of examples/automation as a module: [{name, script}...]. */
const automation = {
    name: "automation",
    setup(build) {
        const folder = join(here, "../../examples/automation");
        build.onResolve({ filter: /^automation:scripts$/ }, ({ path }) => ({
            path,
            namespace: "automation",
        }));
        build.onLoad({ filter: /.*/, namespace: "automation" }, async () => {
            const names = (await readdir(folder)).filter((name) => name.endsWith(".rhai")).sort();
            const scripts = await Promise.all(
                names.map(async (file) => {
                    const words = file.slice(0, -".rhai".length).replaceAll("_", " ");
                    const name = words[0].toUpperCase() + words.slice(1);
                    return { name, script: await readFile(join(folder, file), "utf8") };
                }),
            );
            return { contents: JSON.stringify(scripts), loader: "json" };
        });
    },
};

const common = {
    absWorkingDir: here,
    bundle: true,
    minify: true,
    target: ["chrome111", "firefox115", "safari16.4"],
    outdir: "assets",
    write: false,
    metafile: true,
    legalComments: "none",
    loader: { ".svg": "text" },
    logLevel: "warning",
};

const page = await build({
    ...common,
    plugins: [automation],
    entryPoints: { app: "src/main.js" },
    format: "esm",
    splitting: true,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
});
const worker = await build({
    ...common,
    entryPoints: { worker: "src/live/worker.js" },
    format: "iife",
    entryNames: "[name]-[hash]",
});

const files = [...page.outputFiles, ...worker.outputFiles];
const find = (pattern) => {
    const file = files.find(({ path }) => pattern.test(basename(path)));
    return `assets/${basename(file.path)}`;
};

const icon = await readFile(join(here, "src/icon.svg"));
const iconName = `assets/icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8)}.svg`;

await rm(output, { recursive: true, force: true });
await mkdir(join(output, "assets"), { recursive: true });
for (const { path, contents } of files) {
    await writeFile(
        join(output, "assets", `${basename(path)}.gz`),
        gzipSync(contents, { level: 9 }),
    );
}
await writeFile(join(output, `${iconName}.gz`), gzipSync(icon, { level: 9 }));

const html = await readFile(join(here, "src/index.html"), "utf8");
await writeFile(
    join(output, "index.html"),
    html
        .replaceAll("{{app.js}}", find(/^app-.*\.js$/))
        .replaceAll("{{app.css}}", find(/^app-.*\.css$/))
        .replaceAll("{{worker.js}}", find(/^worker-.*\.js$/))
        .replaceAll("{{icon.svg}}", iconName),
);
