/* Shows what the container has to say (melda/jupyter/status.py), at the bottom of JupyterLab and of notebooks.
 *
 * Written as it is served, without a build: what a module of webpack's container offers is two functions
 * (https://webpack.js.org/concepts/module-federation/). It needs no package of JupyterLab's.
 */
(() => {
  const PAUSE = 10000; // milliseconds between two questions; a third of it while something is shown
  const COLORS = { error: "--jp-error-color1", warning: "--jp-warn-color1", info: "--jp-info-color1" };

  class Notices {
    constructor(app) {
      this.app = app;
      this.closed = new Set();
      this.shown = "[]";
      this.waiting = false;
      const settings = app.serviceManager.serverSettings;
      this.address = settings.baseUrl.replace(/\/*$/, "/") + "melda-jupyter/status";
      this.headers = settings.token ? { Authorization: "token " + settings.token } : {};
      this.box = document.createElement("div");
      this.box.id = "melda-status";
      this.box.setAttribute("role", "status");
      this.box.style.cssText =
        "position:fixed;bottom:28px;left:50%;transform:translateX(-50%);max-width:80vw;z-index:10000;" +
        "font-family:var(--jp-ui-font-family);font-size:var(--jp-ui-font-size1)";
      document.body.appendChild(this.box);
    }

    /* Ask, show the answer, and ask again later. Whoever does not answer is shown by Jupyter itself. */
    async poll() {
      try {
        const answer = await fetch(this.address, { headers: this.headers, cache: "no-store" });
        if (answer.ok) this.show((await answer.json()).notices);
      } catch (error) {
        console.debug("melda-status:", error);
      }
      setTimeout(() => this.poll(), this.shown === "[]" ? PAUSE : PAUSE / 3);
    }

    show(notices) {
      const waits = notices.some((notice) => notice.id === "storage");
      if (this.waiting && !waits) this.save();
      this.waiting = waits;
      const left = notices.filter((notice) => !this.closed.has(notice.text));
      const shown = JSON.stringify(left);
      if (shown === this.shown) return;
      this.shown = shown;
      this.box.replaceChildren(...left.map((notice) => this.line(notice)));
    }

    /* Autosave gives up at its first failure, until something is typed. */
    save() {
      if (this.app.commands.hasCommand("docmanager:save-all")) {
        this.app.commands.execute("docmanager:save-all").catch((error) => console.warn("melda-status:", error));
      }
    }

    line(notice) {
      const line = document.createElement("div");
      line.dataset.id = notice.id;
      line.style.cssText =
        "margin-top:4px;padding:6px 12px;display:flex;gap:12px;background:var(--jp-layout-color1);" +
        "color:var(--jp-ui-font-color1);box-shadow:var(--jp-elevation-z4);border-left:4px solid " +
        `var(${COLORS[notice.level] || COLORS.info})`;
      const text = document.createElement("span");
      text.textContent = notice.text;
      line.append(text);
      if (notice.id !== "storage") {
        const close = document.createElement("button");
        close.textContent = "✕";
        close.title = "Close";
        close.style.cssText = "border:0;background:none;color:inherit;cursor:pointer;margin-left:auto";
        close.onclick = () => {
          this.closed.add(notice.text);
          line.remove();
        };
        line.append(close);
      }
      return line;
    }
  }

  const plugin = {
    id: "melda-status:plugin",
    description: "Shows what the container has to say: storage, packages, memory",
    autoStart: true,
    activate: (app) => {
      app.restored.then(() => new Notices(app).poll());
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["melda-status"] = {
    init: () => {},
    get: () => Promise.resolve(() => ({ __esModule: true, default: plugin })),
  };
})();
