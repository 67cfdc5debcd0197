// Runs a cell as the platform's server does, with its client library, and prints what came of it as JSON.
// usage: node run_cell.js FOLDER URL TOKEN KERNEL CODE
// FOLDER holds node_modules with one version of @jupyterlab/services.
"use strict";
const path = require("path");
const { createRequire } = require("module");

const [folder, url, token, name, code] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(folder), "package.json"));
const services = load("@jupyterlab/services");
const { ServerConnection } = services;
const old = typeof services.Kernel.startNew === "function"; // 4.x

function settings() {
  const options = { baseUrl: url, wsUrl: url.replace(/^http/, "ws"), token };
  if (!old && token) {
    // docs/platform.md: 5.x in Node sends the token with requests and never with the WebSocket.
    const WebSocket = load("ws");
    options.WebSocket = class extends WebSocket {
      constructor(address, protocols) {
        super(address, protocols, { headers: { Authorization: `token ${token}` } });
      }
    };
  }
  return ServerConnection.makeSettings(options);
}

async function start(serverSettings) {
  if (old) {
    const specs = await services.Kernel.getSpecs(serverSettings);
    return [Object.keys(specs.kernelspecs), await services.Kernel.startNew({ name, serverSettings })];
  }
  const specs = await services.KernelSpecAPI.getSpecs(serverSettings);
  const manager = new services.KernelManager({ serverSettings });
  return [Object.keys(specs.kernelspecs), await manager.startNew({ name })];
}

async function main() {
  const [kernels, kernel] = await start(settings());
  const outputs = [];
  const future = kernel.requestExecute({ code });
  future.onIOPub = (message) => {
    const { content, header } = message;
    if (header.msg_type === "stream") outputs.push(content.text);
    if (header.msg_type === "error") outputs.push(content.ename);
    if (content.data) outputs.push(content.data["text/plain"]);
  };
  const reply = await future.done;
  await kernel.shutdown();
  console.log(JSON.stringify({ kernels: kernels.sort(), status: reply.content.status, outputs }));
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.stack);
    process.exit(1);
  },
);
