// Bundle the page into platform/stemwise/serving/page/built. Run by `npm run build`.

import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "platform", "stemwise", "serving", "page", "built");
const assets = join(out, "assets");
const loose = ["build.mjs", "icon.svg", "index.html", "package-lock.json", "package.json", "style.css"];

/** SHA-256 over names and contents of all sources; tests/serving/page/test_files.py does the same. */
async function digest() {
  const scripts = (await readdir(join(here, "src"))).map((name) => `src/${name}`);
  const hash = createHash("sha256");
  for (const path of [...loose, ...scripts].sort()) {
    const content = await readFile(join(here, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** Leave the libraries out of the bundle: they are copied beside it, as they came. */
const libraries = { "wavesurfer.js": "dist/wavesurfer.esm.js" };
const beside = {
  name: "beside",
  setup(bundler) {
    bundler.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === "entry-point") return null;
      if (!libraries[path]) throw new Error(`${path} is not among the libraries of build.mjs.`);
      return { path: `./${path}`, external: true };
    });
  },
};

/** Copy a library and return its licence. */
async function library([name, file]) {
  const folder = join(here, "node_modules", name);
  await copyFile(join(folder, file), join(assets, name));
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  return `${name} ${version} (${license})\n\n${await readFile(join(folder, "LICENSE"), "utf8")}`;
}

await rm(out, { recursive: true, force: true });
await mkdir(assets, { recursive: true });
const common = { absWorkingDir: here, bundle: true, charset: "utf8", target: "es2022" };
await build({
  ...common,
  entryPoints: ["src/main.ts"],
  outfile: join(assets, "page.js"),
  format: "esm",
  plugins: [beside],
});
await build({ ...common, entryPoints: ["style.css"], outfile: join(assets, "page.css") });
await copyFile(join(here, "index.html"), join(out, "index.html"));
await copyFile(join(here, "icon.svg"), join(assets, "icon.svg"));
const licences = await Promise.all(Object.entries(libraries).map(library));
await writeFile(join(assets, "licences.txt"), licences.join("\n\n"));

const files = {};
for (const name of ["index.html", ...(await readdir(assets)).map((one) => `assets/${one}`)].sort()) {
  const content = await readFile(join(out, name));
  files[name] = createHash("sha256").update(content).digest("hex");
  console.log(`${relative(process.cwd(), join(out, name))}: ${content.length} bytes`);
}
const record = JSON.stringify({ sources: await digest(), files }, null, 1);
await writeFile(join(out, "build.json"), `${record}\n`);
