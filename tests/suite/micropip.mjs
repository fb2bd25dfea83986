// Tells which version of each requirement a release's own micropip installs from an index:
// node micropip.mjs RUNTIME REQUEST ANSWERS.
//
// REQUEST is JSON: { index: address, requirements: [texts], tools: [wheels of micropip and packaging] }.
// ANSWERS gets JSON: { requirement: version, or null where micropip finds none }.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [runtime, requestPath, answersPath] = process.argv.slice(2);
const request = JSON.parse(fs.readFileSync(requestPath, "utf8"));

const INSTALL = `
async def install(requirement, index):
    import micropip
    from packaging.requirements import Requirement
    name = Requirement(requirement).name
    try:
        await micropip.install(requirement, index_urls=[index])
    except ValueError as error:
        # What cannot be had is a ValueError; anything else is a fault of the test.
        assert "find a pure Python" in str(error) or "Can't f" in str(error), error
        return None
    installed = {found.replace("_", "-"): package for found, package in micropip.list().items()}
    version = installed[name].version
    micropip.uninstall(name)
    return version
install
`;

const { loadPyodide } = await import(pathToFileURL(path.join(runtime, "pyodide.mjs")).href);
const pyodide = await loadPyodide({ indexURL: runtime + path.sep, stdout: () => {}, stderr: () => {} });
const extractDir = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
for (const tool of request.tools) {
  pyodide.unpackArchive(new Uint8Array(fs.readFileSync(tool)), "zip", { extractDir });
}
pyodide.runPython("import importlib; importlib.invalidate_caches()");
const install = pyodide.runPython(INSTALL);
const answers = {};
for (const requirement of request.requirements) {
  answers[requirement] = (await install(requirement, request.index)) ?? null;
}
fs.writeFileSync(answersPath, JSON.stringify(answers));
process.exit(0);
