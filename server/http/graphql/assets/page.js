// Loads GraphiQL from the network; where that fails, shows the built-in console instead.
import { startConsole } from "./console.js";

const settings = JSON.parse(document.getElementById("settings").textContent);
const page = document.getElementById("page");
const endpoint = new URL(settings.endpoint, location.href);
const socketUrl = Object.assign(new URL(endpoint), { protocol: location.protocol === "https:" ? "wss:" : "ws:" });

function load(file, element) {
  return new Promise((resolve, reject) => {
    element.integrity = file.integrity;
    element.crossOrigin = "anonymous";
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${file.url} did not come`));
    document.head.append(element);
  });
}

function loadScript(file) {
  const script = document.createElement("script");
  script.async = false; // fetched side by side, run in order
  script.src = file.url;
  return load(file, script);
}

function loadStyle(file) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = file.url;
  return load(file, link);
}

function tooLate(seconds) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`they did not come within ${seconds} seconds`)), seconds * 1000);
  });
}

function startGraphiQL() {
  const { React, ReactDOM, GraphiQL, GraphiQLPluginExplorer } = window;
  // The headers of the editor go with requests, and on a socket as the payload of connection_init.
  const fetcher = GraphiQL.createFetcher({ url: endpoint.href, subscriptionUrl: socketUrl.href });
  const element = React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: settings.example,
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false, // a key is not left behind in the browser
    inputValueDeprecation: true,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
  });
  page.className = "graphiql";
  ReactDOM.createRoot(page).render(element);
}

try {
  const files = [...settings.styles.map(loadStyle), ...settings.scripts.map(loadScript)];
  await Promise.race([Promise.all(files), tooLate(settings.loadSeconds)]);
  startGraphiQL();
} catch (problem) {
  page.className = "console";
  startConsole(page, { endpoint, socketUrl, example: settings.example, problem: problem.message });
}
