// One scan: what came out, its evidence report, and what can be taken away or deleted.
import { Away, Refusal, ask } from "./api.js";
import { standingOf } from "./list.js";
import { say, score, size, when, who } from "./texts.js";

const HIGHEST = 1e5;
const PATIENCE_MS = 300;
const ENDINGS = { "video/mp4": ".mp4", "image/png": ".png", "image/jpeg": ".jpg" };
const at = (id) => document.getElementById(id);

export class Detail {
  // `ondelete` is asked to delete a scan.
  constructor({ ondelete }) {
    this.id = null;
    this.scan = null;
    at("delete").addEventListener("click", () => ondelete(this.scan));
    at("get-annotated").addEventListener("click", () => this.#takeAnnotated());
    // The report is a foreign document to this page. It tells how high it is, so that only the page scrolls.
    addEventListener("message", (event) => {
      const frame = at("report").firstElementChild;
      const height = frame && event.source === frame.contentWindow ? Number(event.data?.height) : NaN;
      if (height > 0 && height < HIGHEST) frame.style.height = `${Math.ceil(height)}px`;
    });
  }

  // Show a scan, or none.
  async open(id) {
    this.id = id;
    this.scan = null;
    at("detail-name").textContent = "";
    for (const part of ["detail-facts", "detail-actions", "detail-waiting"]) at(part).hidden = true;
    at("report").replaceChildren();
    this.#tell("");
    if (id) await this.load();
  }

  async load() {
    const { id, scan: before } = this;
    if (!id) return;
    try {
      const scan = await (await ask(`v1/scans/${encodeURIComponent(id)}`)).json();
      // What was told while the answer was on its way is newer.
      if (id === this.id && before === this.scan) this.changed(scan);
    } catch (error) {
      if (id !== this.id) return;
      if (error instanceof Refusal) this.#tell(error.status === 404 ? say.missing : error.message);
      else if (!(error instanceof Away)) throw error;
    }
  }

  changed(scan) {
    if (scan.id !== this.id) return;
    const wasDone = this.scan?.state === "done";
    this.scan = scan;
    const { result, state, name } = scan;
    const done = state === "done";
    at("detail").className = result?.verdict ?? "none";
    at("detail-name").textContent = name;
    document.title = `${name} - Facewitness`;
    const facts = [who(result), size(scan.size), say.added(when(scan.created_at)), scan.expires_at ? say.kept(when(scan.expires_at)) : ""];
    const figure = Object.assign(document.createElement("b"), { className: "value", textContent: score(result?.score) });
    const words = facts.filter(Boolean).map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    at("detail-facts").replaceChildren(...(done ? standingOf(scan) : []), ...(figure.textContent ? [figure] : []), ...words);
    at("detail-facts").hidden = false;
    at("detail-actions").hidden = false;
    for (const part of ["get-json", "get-report"]) at(part).hidden = !done;
    at("get-annotated").hidden = !result?.tracks?.length;
    at("detail-waiting").hidden = done;
    at("detail-waiting").replaceChildren(...(done ? [] : [...standingOf(scan)]));
    at("detail-waiting").dataset.state = state;
    if (done && !wasDone) this.#showResult();
  }

  deleted(id) {
    if (id !== this.id) return;
    void this.open(null);
    this.id = id;
    this.#tell(say.missing);
  }

  #showResult() {
    const { id, name, result } = this.scan;
    const address = `v1/scans/${encodeURIComponent(id)}/report`;
    URL.revokeObjectURL(at("get-json").href);
    at("get-json").href = URL.createObjectURL(new Blob([JSON.stringify(result, null, 2)], { type: "application/json" }));
    at("get-json").download = `${name}.json`;
    at("get-report").href = address;
    at("get-report").download = `${name}.html`;
    void this.#whenMade(address, say.reporting, () => {
      if (id !== this.id) return;
      // A new frame each time: one that goes from report to report would have a say in the way back.
      const frame = Object.assign(document.createElement("iframe"), { title: say.report(name), src: address });
      frame.setAttribute("sandbox", "allow-scripts");
      at("report").replaceChildren(frame);
    });
  }

  async #takeAnnotated() {
    const { id, name } = this.scan;
    const address = `v1/scans/${encodeURIComponent(id)}/annotated`;
    at("get-annotated").disabled = true;
    await this.#whenMade(address, say.drawing, (answer) => {
      const ending = ENDINGS[answer.headers.get("Content-Type")] ?? "";
      Object.assign(document.createElement("a"), { href: address, download: `${name}.annotated${ending}` }).click();
    });
    at("get-annotated").disabled = false;
  }

  // What the server makes when it is first asked for takes a while and may be refused. Then the browser takes it as it is.
  async #whenMade(address, sentence, take) {
    const { id } = this;
    const tell = (text) => id === this.id && this.#tell(text);
    const late = setTimeout(() => tell(sentence), PATIENCE_MS);
    try {
      const answer = await ask(address);
      await answer.body.cancel();
      clearTimeout(late);
      tell("");
      take(answer);
    } catch (error) {
      clearTimeout(late);
      if (!(error instanceof Refusal || error instanceof Away)) throw error;
      tell(error.message);
    }
  }

  #tell(sentence) {
    at("detail-notice").textContent = sentence;
    at("detail-notice").hidden = !sentence;
  }
}
