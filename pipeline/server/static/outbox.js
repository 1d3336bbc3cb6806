// Files that are being sent or were refused, a row each. A file leaves this list when the server has all of it.
import { say } from "./texts.js";
import { Upload } from "./upload.js";

const AT_ONCE = 2;
const MOST_ROWS = 6;
const at = (id) => document.getElementById(id);

export class Outbox {
  // `onsent` is called with an upload that has arrived, and `onbegun` when the server has given one its id.
  constructor({ onsent, onbegun }) {
    this.uploads = [];
    this.rows = new Map();
    this.onsent = onsent;
    this.onbegun = onbegun;
    this.begun = new Set();
    addEventListener("beforeunload", (event) => {
      if (this.uploads.some((upload) => upload.state !== "refused")) event.preventDefault();
    });
  }

  add(files) {
    for (const file of files) {
      const upload = new Upload(file, (changed) => this.#changed(changed));
      if (this.uploads.some((other) => other.key === upload.key && other.state !== "refused")) continue;
      this.#drop(this.uploads.find((other) => other.key === upload.key));
      this.uploads.push(upload);
    }
    this.#next();
  }

  // Whether the transfer of a scan is shown here.
  holds(id) {
    return this.uploads.some((upload) => upload.id === id);
  }

  #next() {
    const ready = this.uploads.filter((upload) => upload.state === "queued");
    const busy = this.uploads.filter((upload) => upload.state === "sending" || upload.state === "paused").length;
    for (const upload of ready.slice(0, Math.max(0, AT_ONCE - busy))) void upload.run();
    this.#layOut();
  }

  #changed(upload) {
    if (upload.id && !this.begun.has(upload.id)) {
      this.begun.add(upload.id);
      this.onbegun();
    }
    if (upload.state === "sent" || upload.state === "stopped") {
      this.#drop(upload);
      if (upload.state === "sent") this.onsent(upload);
      this.#next();
    } else if (upload.state === "refused") this.#next();
    else this.rows.get(upload)?.update();
  }

  #drop(upload) {
    this.uploads = this.uploads.filter((other) => other !== upload);
  }

  #layOut() {
    const order = { refused: 0, sending: 1, paused: 1, queued: 2 };
    const sorted = [...this.uploads].sort((a, b) => order[a.state] - order[b.state]);
    const refused = sorted.filter((upload) => upload.state === "refused").length;
    const shown = sorted.slice(0, Math.max(MOST_ROWS, refused + AT_ONCE));
    for (const upload of this.rows.keys()) {
      if (shown.includes(upload)) continue;
      const row = this.rows.get(upload).element;
      if (row.contains(document.activeElement)) at("choose").focus();
      row.remove();
      this.rows.delete(upload);
    }
    shown.forEach((upload, place) => {
      if (!this.rows.has(upload)) this.rows.set(upload, new Row(upload, this));
      const { element } = this.rows.get(upload);
      this.rows.get(upload).update();
      // A row that stays where it is keeps the focus in it.
      if (at("transfers").children[place] !== element) at("transfers").insertBefore(element, at("transfers").children[place] ?? null);
    });
    at("outbox").hidden = !shown.length;
    at("transfers-more").hidden = sorted.length === shown.length;
    at("transfers-more").textContent = say.moreToSend(sorted.length - shown.length);
  }

  stop(upload) {
    void upload.stop();
    this.#next();
  }

  again(upload) {
    upload.state = "queued";
    this.#next();
  }
}

class Row {
  constructor(upload, outbox) {
    this.upload = upload;
    this.element = document.createElement("li");
    this.name = document.createElement("bdi");
    this.bar = document.createElement("progress");
    this.text = document.createElement("span");
    this.again = document.createElement("button");
    this.stop = document.createElement("button");
    this.name.textContent = upload.file.name;
    this.bar.max = upload.file.size || 1;
    this.bar.setAttribute("aria-label", say.of("Sending", upload.file.name));
    this.text.className = "numbers";
    for (const button of [this.again, this.stop]) Object.assign(button, { type: "button", className: "quiet" });
    this.again.textContent = say.again;
    this.again.setAttribute("aria-label", say.of(say.again, upload.file.name));
    this.again.addEventListener("click", () => outbox.again(upload));
    this.stop.addEventListener("click", () => outbox.stop(upload));
    this.element.append(this.name, this.bar, this.text, this.again, this.stop);
  }

  update() {
    const { state, sent, file, message } = this.upload;
    const refused = state === "refused";
    this.element.className = state;
    this.bar.hidden = refused;
    this.bar.value = sent;
    this.again.hidden = !refused;
    const action = refused ? say.dismiss : say.stop;
    if (this.stop.textContent !== action) {
      this.stop.textContent = action;
      this.stop.setAttribute("aria-label", say.of(action, file.name));
    }
    // A refusal is read out at once; figures are not.
    if (refused) this.text.setAttribute("role", "alert");
    else this.text.removeAttribute("role");
    this.text.textContent = state === "queued" ? say.toBeSent : message || say.sending(sent, file.size);
  }
}
